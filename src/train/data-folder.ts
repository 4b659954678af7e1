/** The folder of a data set, on disk or in a bucket. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { LightscoreError, messageOf } from '../errors.js';
import { S3_RETRY_POLICY, createS3Client, s3Unreachable } from '../store/s3-client.js';
import { readS3Object } from '../store/s3-object.js';
import { type S3Address, parseS3Address } from '../store/s3-address.js';
import type { ReadFile } from './read-table.js';

/** The most that one buffer of Node can hold. */
const MAX_FILE_BYTES = 2 ** 32;

export interface DataFolder {
  /** The address as the user wrote it. */
  readonly location: string;
  /** Rejects with DATA_INVALID (a folder) or STORE_UNREACHABLE (a bucket) where the folder cannot be read. */
  readonly read: ReadFile;
  /**
   * Writes a file completely or not at all, and replaces one of the same name. Rejects with OUTPUT_FAILED (a folder) or
   * STORE_UNREACHABLE (a bucket).
   */
  readonly write: (name: string, bytes: Uint8Array) => Promise<void>;
}

/**
 * @param location a path, or `s3://bucket/prefix` (region, credentials and endpoint are the AWS SDK's own settings)
 * @throws LightscoreError USAGE for an s3:// address without a bucket
 */
export function openDataFolder(location: string): DataFolder {
  const address = parseS3Address(location);
  return address === undefined ? openLocal(location) : openBucket(location, address);
}

function openLocal(location: string): DataFolder {
  return {
    location,
    async read(name) {
      try {
        return await readFile(join(location, name));
      } catch (cause) {
        if (isAbsent(cause)) return undefined;
        throw new LightscoreError('DATA_INVALID', `${join(location, name)}: cannot be read (${messageOf(cause)})`, {
          cause,
        });
      }
    },
    async write(name, bytes) {
      const target = join(location, name);
      const scratch = join(location, `.${name}.${randomBytes(6).toString('hex')}`);
      try {
        await mkdir(location, { recursive: true });
        await writeFile(scratch, bytes, { flush: true });
        await rename(scratch, target);
      } catch (cause) {
        if (existsSync(scratch)) await rm(scratch);
        throw new LightscoreError('OUTPUT_FAILED', `${target}: cannot be written (${messageOf(cause)})`, { cause });
      }
    },
  };
}

function openBucket(location: string, { bucket, prefix }: S3Address): DataFolder {
  const client = createS3Client();
  return {
    location,
    async read(name) {
      const options = { maxBytes: MAX_FILE_BYTES, ...S3_RETRY_POLICY };
      const object = await readS3Object(client, { bucket, key: prefix + name }, options);
      return typeof object === 'object' ? object.bytes : undefined;
    },
    async write(name, bytes) {
      try {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key: prefix + name, Body: bytes }));
      } catch (cause) {
        throw s3Unreachable(`s3://${bucket}/${prefix}${name}`, cause);
      }
    },
  };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
