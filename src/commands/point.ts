/** `lightscore point`: names the version to serve, in `current.json`. */
import { Command } from 'commander';
import { missingFiles } from '../artifact/files.js';
import { readPrivateKey } from '../artifact/integrity.js';
import { LightscoreError } from '../errors.js';
import { inWords } from '../quote.js';
import { FolderStore } from '../store/folder.js';
import { createS3Client } from '../store/s3-client.js';
import { S3Store } from '../store/s3.js';
import type { ArtifactStore } from '../store/store.js';
import { pointBucket, pointFolder } from '../train/point.js';
import { parseS3Address } from '../store/s3-address.js';
import { type EncryptionFlags, encryptionOf, withEncryption } from './encryption.js';
import { type JsonFlag, type Outcome, printOutcome, withJson } from './output.js';
import { versionArgument } from './version-argument.js';

interface PointFlags extends JsonFlag, EncryptionFlags {
  readonly to: string;
  readonly key?: string;
}

export function pointCommand(): Command {
  const command = new Command('point')
    .summary('name the version to serve, in current.json')
    .description('make a version the one that servers find in current.json: to roll out, or to go back')
    .argument('<version>', 'the name of its folder', versionArgument)
    .requiredOption('--to <place>', 'location of the versions: a folder, or s3://bucket/prefix')
    .option('--key <file>', 'Ed25519 private key, PEM: signs it, for servers with MODEL_REQUIRE_SIGNED_POINTER');
  return withJson(withEncryption(command))
    .addHelpText(
      'after',
      `
Each signed pointer has a higher counter than the one before it, also where it names an older version: servers refuse
a pointer older than one that they followed, but not the way back to an older version.

Examples:
  $ lightscore point v1.1.0 --to models
  $ lightscore point v1.1.0 --to s3://fraud-models/models --key signing.pem
`,
    )
    .action((version: string, flags: PointFlags) => printOutcome(flags, () => point(version, flags)));
}

async function point(version: string, flags: PointFlags): Promise<Outcome> {
  const key = flags.key === undefined ? undefined : readPrivateKey(flags.key);
  const encryption = encryptionOf(flags);
  const address = parseS3Address(flags.to);
  const store = address === undefined ? new FolderStore(flags.to) : new S3Store(address);
  const client = address === undefined ? undefined : createS3Client();
  try {
    await checkComplete(store, version);
    const line =
      address === undefined || client === undefined
        ? await pointFolder(flags.to, { version, key })
        : await pointBucket({ client, bucket: address.bucket, ...encryption }, address.prefix, { version, key });
    return { result: { version, to: flags.to, signed: key !== undefined }, text: `${line}\n` };
  } finally {
    store.close();
    client?.destroy();
  }
}

/** @throws LightscoreError VERSION_NOT_FOUND */
async function checkComplete(store: ArtifactStore, version: string): Promise<void> {
  const missing = missingFiles((await store.files(version)).map(({ name }) => name));
  if (missing.length > 0)
    throw new LightscoreError('VERSION_NOT_FOUND', `${store.location}/${version}: has no ${inWords(missing)}`);
}
