/** Writes `current.json`, which names the version to serve, in a folder of versions or in a bucket. */
import type { KeyObject } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { ArtifactError, LightscoreError } from '../errors.js';
import { FolderStore } from '../store/folder.js';
import { type PointerContents, parsePointer, signedPointer, unsignedPointer } from '../store/pointer.js';
import { S3_RETRY_POLICY } from '../store/s3-client.js';
import { readS3Object } from '../store/s3-object.js';
import { MAX_POINTER_BYTES, POINTER_FILE } from '../store/store.js';
import { systemReason } from '../system-error.js';
import { type Upload, put } from './upload.js';

export interface NewPointer {
  readonly version: string;
  /** Signs it; it is not signed without one. */
  readonly key: KeyObject | undefined;
}

/**
 * @param prefix of the versions; empty or with a trailing slash
 * @returns a line that says what was done
 * @throws LightscoreError STORE_UNREACHABLE
 */
export async function pointBucket(upload: Upload, prefix: string, pointer: NewPointer): Promise<string> {
  const { client, bucket } = upload;
  const key = prefix + POINTER_FILE;
  const file = `s3://${bucket}/${key}`;
  const text = await textOf(pointer, async () => {
    const options = { maxBytes: MAX_POINTER_BYTES, ...S3_RETRY_POLICY };
    const object = await readS3Object(client, { bucket, key }, options);
    return object === undefined || object === 'unchanged' ? undefined : parsePointer(object.bytes, file);
  });
  await put(upload, key, Buffer.from(text), { onlyNew: false });
  return done(pointer, file);
}

/**
 * @param folder of the versions
 * @returns a line that says what was done
 * @throws LightscoreError STORE_UNREACHABLE, OUTPUT_FAILED
 */
export async function pointFolder(folder: string, pointer: NewPointer): Promise<string> {
  const store = new FolderStore(folder);
  const path = `${store.location}/${POINTER_FILE}`;
  const text = await textOf(pointer, () => store.pointer());
  try {
    // A reader sees the whole pointer, or the one before it.
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw new LightscoreError('OUTPUT_FAILED', `${path}: ${systemReason(cause)}`, { cause });
  }
  return done(pointer, path);
}

function done({ version, key }: NewPointer, file: string): string {
  return `${version} is now the version to serve (${file}${key === undefined ? '' : ', signed'})`;
}

async function textOf(
  { version, key }: NewPointer,
  before: () => Promise<PointerContents | undefined>,
): Promise<string> {
  return key === undefined ? unsignedPointer(version) : signedPointer(version, key, await readable(before));
}

/** A pointer that cannot be read has no counter that would have to be exceeded. */
async function readable(before: () => Promise<PointerContents | undefined>): Promise<PointerContents | undefined> {
  try {
    return await before();
  } catch (error) {
    if (error instanceof ArtifactError) return undefined;
    throw error;
  }
}
