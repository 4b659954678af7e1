/** `lightscore sign`: signs a version for servers with MODEL_PUBLIC_KEY, and writes its checksums. */
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import { METADATA_FILE, SIGNATURE_FILE, isComplete } from '../artifact/files.js';
import { readPrivateKey, signMetadata } from '../artifact/integrity.js';
import { parseJsonObject } from '../artifact/json.js';
import { readMetadata } from '../artifact/metadata.js';
import { ArtifactError, messageOf } from '../errors.js';
import { type JsonFlag, printOutcome, withJson } from './output.js';
import { sha256Hex } from '../sha256.js';

export function signCommand(): Command {
  const command = new Command('sign')
    .description("sign a version: write metadata.sig over metadata.json, which has every file's SHA-256")
    .argument('<folder>', 'folder of the version, such as models/v1.2.0')
    .requiredOption('--key <file>', 'Ed25519 private key, PEM')
    .option('--checksums', 'write the checksums of all files into metadata.json first', false)
    .addHelpText(
      'after',
      `
Examples, with a key pair that is made once; servers get the public key as MODEL_PUBLIC_KEY:
  $ openssl genpkey -algorithm ed25519 -out signing.pem
  $ openssl pkey -in signing.pem -pubout -out signing.pub.pem
  $ lightscore sign models/v1.2.0 --key signing.pem --checksums
`,
    );
  return withJson(command).action((folder: string, flags: JsonFlag & { key: string; checksums: boolean }) =>
    printOutcome(flags, async () => {
      const { signed, version } = await signVersion(folder, { keyFile: flags.key, writeChecksums: flags.checksums });
      const text = `${folder}: signed, with checksums of ${signed.join(', ')}\n`;
      const isNamed = basename(resolve(folder)) === version;
      const note = `Note: with MODEL_PUBLIC_KEY it is served only from a folder named ${version}, as it is signed\n`;
      return { result: { folder, signed, version }, text: isNamed ? text : text + note };
    }),
  );
}

/**
 * @returns names of the files that the signature covers, and the version that it is signed as
 * @throws ArtifactError if the version is incomplete or its checksums do not match; LightscoreError CONFIG_INVALID for
 * the key
 */
export async function signVersion(
  folder: string,
  { keyFile, writeChecksums }: { readonly keyFile: string; readonly writeChecksums: boolean },
): Promise<{ readonly signed: readonly string[]; readonly version: string }> {
  const key = readPrivateKey(keyFile);
  const names = (await list(folder)).filter(
    (name) => name !== METADATA_FILE && name !== SIGNATURE_FILE && !name.startsWith('.'),
  );
  if (!isComplete([...names, METADATA_FILE]))
    throw new ArtifactError(folder, 'is not a complete version: it needs lightgbm_model.txt and a calibrator');
  const path = join(folder, METADATA_FILE);
  const sums = Object.fromEntries(
    await Promise.all(names.toSorted().map(async (name) => [name, sha256Hex(await read(join(folder, name)))] as const)),
  );
  let metadata = await read(path);
  if (writeChecksums) {
    const { value } = parseJsonObject(metadata, path);
    metadata = Buffer.from(`${JSON.stringify({ ...value, checksums: sums }, undefined, 2)}\n`);
  }
  const {
    metadata: { checksums = new Map<string, string>(), modelVersion: version },
  } = readMetadata(metadata, path);
  for (const [name, sum] of checksums)
    if (sums[name] !== sum)
      throw new ArtifactError(
        join(folder, name),
        sums[name] === undefined
          ? 'is missing, but metadata.json has its checksum'
          : `has SHA-256 ${sums[name]}, but metadata.json says ${sum}`,
      );
  const uncovered = names.filter((name) => !checksums.has(name));
  if (uncovered.length > 0)
    throw new ArtifactError(
      join(folder, uncovered[0]),
      'has no checksum in metadata.json, so the signature would not cover it; --checksums writes one',
    );
  // Replaces the signature first: until the new metadata.json is in place, the two do not match, and servers refuse the
  // version.
  await replace(join(folder, SIGNATURE_FILE), signMetadata(metadata, key));
  if (writeChecksums) await replace(path, metadata);
  return { signed: names, version };
}

async function replace(path: string, contents: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, contents);
  await rename(`${path}.new`, path);
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ArtifactError(path, `cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    throw new ArtifactError(folder, `cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
