/** Addresses such as s3://bucket/prefix. */
import { LightscoreError } from '../errors.js';

/** A folder of a bucket. */
export interface S3Address {
  readonly bucket: string;
  /** Empty, or ending in "/". */
  readonly prefix: string;
}

/**
 * The bucket and prefix of `s3://bucket/some/folder`; undefined for anything else, which is a path on this machine.
 * @throws LightscoreError USAGE if the address has no bucket
 */
export function parseS3Address(text: string): S3Address | undefined {
  if (!text.startsWith('s3://')) return undefined;
  const [bucket, ...parts] = text
    .slice('s3://'.length)
    .split('/')
    .filter((part) => part !== '');
  if (bucket === undefined)
    throw new LightscoreError('USAGE', `${text}: an s3:// address needs a bucket, as in s3://bucket/models`);
  return { bucket, prefix: parts.map((part) => `${part}/`).join('') };
}
