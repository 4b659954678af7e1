/** Writes artifacts to a folder, completely or not at all. */
import { mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { LightscoreError, messageOf } from '../errors.js';
import { sha256Hex } from '../sha256.js';

/** The files of an artifact by name, without `metadata.json`. */
export type ArtifactFiles = ReadonlyMap<string, string | Uint8Array>;

/** The folder of an artifact. */
export interface Target {
  /** The folder of the versions. */
  readonly repository: string;
  readonly version: string;
  /** Whether to replace a version of that name; otherwise one that exists is an error. */
  readonly replace: boolean;
}

const METADATA = 'metadata.json';

/** SHA-256 of each file in hexadecimal, by name in alphabetical order: the `checksums` of `metadata.json`. */
export function checksums(files: ArtifactFiles): Record<string, string> {
  const names = [...files.keys()].toSorted();
  return Object.fromEntries(names.map((name) => [name, sha256Hex(files.get(name) ?? '')]));
}

/**
 * Writes `<repository>/<version>/`, completely or not at all: to another folder, the metadata last, everything flushed
 * to disk. That folder is then renamed into place as a whole.
 *
 * @param metadata the text of `metadata.json`
 * @returns the folder of the artifact
 * @throws LightscoreError VERSION_EXISTS, or OUTPUT_FAILED (disk full, no permission), which leaves an existing version
 * untouched
 */
export async function writeArtifact(to: Target, files: ArtifactFiles, metadata: string): Promise<string> {
  const { repository, version, replace } = to;
  const target = join(repository, version);
  await refuseExisting(to);
  let scratch: string | undefined;
  try {
    await mkdir(repository, { recursive: true });
    // One level deeper than a version's files, and hidden: a folder that a killed process leaves is never a version.
    scratch = await mkdtemp(join(repository, `.${version}.`));
    const [folder, replaced] = [join(scratch, 'version'), join(scratch, 'replaced')];
    await mkdir(folder);
    for (const [name, content] of [...files, [METADATA, metadata] as const])
      await writeFlushed(join(folder, name), content);
    await flushFolder(folder);
    if (replace) await renameIfPresent({ from: target, to: replaced });
    try {
      await rename(folder, target);
    } catch (error) {
      await renameIfPresent({ from: replaced, to: target });
      throw error;
    }
    await flushFolder(repository);
    return target;
  } catch (error) {
    throw new LightscoreError('OUTPUT_FAILED', `${target} could not be written: ${messageOf(error)}`, { cause: error });
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Checks that the version does not exist, or may be replaced. It is also called before training starts.
 * @throws LightscoreError VERSION_EXISTS
 */
export async function refuseExisting({ repository, version, replace }: Target): Promise<void> {
  if (!replace && (await exists(join(repository, version)))) {
    throw new LightscoreError(
      'VERSION_EXISTS',
      `version ${version} already exists in ${repository}: choose another version, or replace it with --force`,
    );
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

async function writeFlushed(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function renameIfPresent({ from, to }: Record<'from' | 'to', string>): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
