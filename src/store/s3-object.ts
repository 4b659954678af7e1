/** Reading and listing of S3 objects, with limits and pinned versions. */
import { GetObjectCommand, type GetObjectCommandOutput, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ArtifactError, LightscoreError } from '../errors.js';
import { type S3RetryPolicy, requestIdOf, s3Unreachable, statusOf } from './s3-client.js';

const FIRST_DELAY_MS = 100;

export interface S3Location {
  readonly bucket: string;
  readonly key: string;
}

export interface S3Object {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

export interface S3ReadOptions extends Pick<S3RetryPolicy, 'leastBytesPerSecond' | 'leastRateAfterMs'> {
  readonly maxBytes: number;
  /** Attempts for a download that is interrupted; the SDK retries requests that fail before their body. */
  readonly attempts: number;
  /** Reads only the object with this ETag, whichever way a server writes it; anything else is an ArtifactError. */
  readonly ifMatch?: string;
  /** Returns 'unchanged' if the object still has this ETag. */
  readonly ifNoneMatch?: string;
}

/**
 * Reads a whole object; returns undefined if it does not exist.
 * @throws ArtifactError when it is larger than `maxBytes` or not the pinned one; LightscoreError STORE_UNREACHABLE.
 */
export async function readS3Object(
  client: S3Client,
  { bucket, key }: S3Location,
  options: S3ReadOptions,
): Promise<S3Object | 'unchanged' | undefined> {
  const file = `s3://${bucket}/${key}`;
  for (let attempt = 1; ; attempt++) {
    const answer = await pinnedRequest(client, { bucket, key }, options);
    if (answer === 'unchanged' || answer === undefined) return answer;
    const etag = answer.ETag ?? '';
    // Some S3 servers ignore If-Match; one that sends no ETag with an object cannot be held to it.
    const isOther = options.ifMatch !== undefined && etag !== '' && opaque(options.ifMatch) !== opaque(etag);
    if (isOther) throw changed(file);
    try {
      return { bytes: await collect(answer, options, file), etag };
    } catch (cause) {
      if (cause instanceof LightscoreError) throw cause;
      if (attempt >= options.attempts) throw s3Unreachable(file, cause);
    }
    await delay(FIRST_DELAY_MS * 2 ** (attempt - 1));
  }
}

/** The value of an ETag: listings leave out its quotes in some stores, and proxies mark it as weak. */
const opaque = (etag: string): string => etag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');

/** As `request`, but a store that does not know its own ETag again is asked without it: it is compared afterwards. */
async function pinnedRequest(
  client: S3Client,
  location: S3Location,
  options: S3ReadOptions,
): Promise<GetObjectCommandOutput | 'unchanged' | undefined> {
  const { ifMatch } = options;
  if (ifMatch === undefined) return await request(client, location, options);
  // A weak ETag never matches.
  const pinned = ifMatch.startsWith('W/') ? undefined : `"${opaque(ifMatch)}"`;
  const { ifMatch: _, ...unpinned } = options;
  if (pinned === undefined) return await request(client, location, unpinned);
  try {
    return await request(client, location, { ...options, ifMatch: pinned });
  } catch (cause) {
    if (!(cause instanceof ArtifactError)) throw cause;
    return await request(client, location, unpinned);
  }
}

async function request(
  client: S3Client,
  { bucket, key }: S3Location,
  options: S3ReadOptions,
): Promise<GetObjectCommandOutput | 'unchanged' | undefined> {
  const file = `s3://${bucket}/${key}`;
  try {
    return await client.send(
      new GetObjectCommand({ Bucket: bucket, Key: key, IfMatch: options.ifMatch, IfNoneMatch: options.ifNoneMatch }),
    );
  } catch (cause) {
    const status = statusOf(cause);
    // The SDK raises an error for 304 too.
    if (status === 304 && options.ifNoneMatch !== undefined) return 'unchanged';
    if (status === 412) throw changed(file);
    if (isNoSuchKey(cause)) return undefined;
    throw s3Unreachable(file, cause);
  }
}

/** S3 says that there is no such object. A 404 of a proxy or an ingress says nothing about it. */
function isNoSuchKey(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  if (cause.name === 'NoSuchKey') return true;
  return cause.name === 'NotFound' && statusOf(cause) === 404 && requestIdOf(cause) !== undefined;
}

async function collect(
  answer: GetObjectCommandOutput,
  { maxBytes, leastBytesPerSecond, leastRateAfterMs }: S3ReadOptions,
  file: string,
): Promise<Uint8Array> {
  const body = answer.Body;
  if (!(body instanceof Readable)) throw new TypeError('S3 answered without a body');
  const chunks: Uint8Array[] = [];
  let length = 0;
  const started = performance.now();
  // An error inside the loop destroys the connection, so that the rest of a large object is not sent.
  for await (const part of body) {
    const chunk: Uint8Array = part;
    length += chunk.byteLength;
    if (length > maxBytes) throw new ArtifactError(file, `has more bytes than the limit of ${maxBytes}`);
    chunks.push(chunk);
    const elapsed = performance.now() - started;
    if (elapsed > leastRateAfterMs && length < (elapsed / 1000) * leastBytesPerSecond)
      throw new LightscoreError(
        'STORE_UNREACHABLE',
        `${file}: only ${length} bytes arrived in ${Math.round(elapsed / 1000)} s; the download was given up`,
      );
  }
  if (answer.ContentLength !== undefined && length !== answer.ContentLength)
    throw new Error(`the download was cut off after ${length} of ${answer.ContentLength} bytes`);
  return Buffer.concat(chunks, length);
}

function changed(file: string): ArtifactError {
  return new ArtifactError(file, 'changed while the artifact was being read');
}

/** Of a thousand entries each. */
const MAX_PAGES = 1000;

export interface S3Listing {
  /** Objects directly under the prefix. */
  readonly objects: readonly { key: string; size: number; etag: string }[];
  /** Prefixes one level down, each with its trailing slash. */
  readonly folders: readonly string[];
}

/**
 * Lists what is directly under `prefix` (empty or with a trailing slash), over all pages.
 * @throws LightscoreError STORE_UNREACHABLE.
 */
export async function listS3Folder(
  client: S3Client,
  { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
): Promise<S3Listing> {
  const objects: { key: string; size: number; etag: string }[] = [];
  let pages = 0;
  const folders: string[] = [];
  let token: string | undefined;
  do {
    const page = await listPage(client, { bucket, prefix, token });
    for (const { Key: key, Size: size, ETag: etag } of page.Contents ?? []) {
      if (key !== undefined && key !== prefix) objects.push({ key, size: size ?? 0, etag: etag ?? '' });
    }
    for (const { Prefix: folder } of page.CommonPrefixes ?? []) if (folder !== undefined) folders.push(folder);
    if (page.NextContinuationToken !== undefined && page.NextContinuationToken === token) {
      throw new LightscoreError('STORE_UNREACHABLE', `s3://${bucket}/${prefix}: the listing repeats a page`);
    }
    if (++pages > MAX_PAGES)
      throw new LightscoreError('STORE_UNREACHABLE', `s3://${bucket}/${prefix}: the listing has no end`);
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
  return { objects, folders };
}

interface PageRequest {
  readonly bucket: string;
  readonly prefix: string;
  readonly token: string | undefined;
}

async function listPage(client: S3Client, { bucket, prefix, token }: PageRequest) {
  try {
    return await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, Delimiter: '/', ContinuationToken: token }),
    );
  } catch (cause) {
    throw s3Unreachable(`s3://${bucket}/${prefix}`, cause);
  }
}
