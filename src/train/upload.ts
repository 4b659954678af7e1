/** Writes objects to a bucket, with checksums that the server compares. */
import { extname } from 'node:path';
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { LightscoreError } from '../errors.js';
import { sha256Hex } from '../sha256.js';
import { s3Unreachable, statusOf } from '../store/s3-client.js';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
};

export interface Encryption {
  readonly algorithm: 'AES256' | 'aws:kms';
  /** The key for `aws:kms`; by default the bucket's own. */
  readonly kmsKey?: string;
}

/** A bucket to write to. */
export interface Upload {
  readonly client: S3Client;
  readonly bucket: string;
  readonly encryption?: Encryption;
}

/** @throws LightscoreError VERSION_EXISTS where `onlyNew` and the object exists; STORE_UNREACHABLE */
export async function put(
  { client, bucket, encryption }: Upload,
  key: string,
  content: Uint8Array,
  { onlyNew }: { readonly onlyNew: boolean },
): Promise<void> {
  const digest = sha256Hex(content);
  try {
    await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: content,
        ContentType: CONTENT_TYPES[extname(key)] ?? 'application/octet-stream',
        // S3 refuses content that does not match. A resumed upload compares the copy in the object's metadata.
        ChecksumSHA256: Buffer.from(digest, 'hex').toString('base64'),
        Metadata: { sha256: digest },
        IfNoneMatch: onlyNew ? '*' : undefined,
        ServerSideEncryption: encryption?.algorithm,
        SSEKMSKeyId: encryption?.kmsKey,
      }),
    );
  } catch (cause) {
    // Of two uploads of one version at the same time, the first to write the metadata wins.
    if (onlyNew && statusOf(cause) === 412)
      throw new LightscoreError(
        'VERSION_EXISTS',
        `s3://${bucket}/${key} already exists, and a published version is never overwritten`,
        { cause },
      );
    throw s3Unreachable(`s3://${bucket}/${key}`, cause);
  }
}

/** The SHA-256 that `put` stored with the object; undefined where the object or the sum does not exist. */
export async function storedSha256({ client, bucket }: Upload, key: string): Promise<string | undefined> {
  try {
    const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return Metadata?.['sha256'];
  } catch (cause) {
    if (statusOf(cause) === 404) return undefined;
    throw s3Unreachable(`s3://${bucket}/${key}`, cause);
  }
}
