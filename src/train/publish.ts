/** Uploads artifacts to S3. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';

import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';

import { fetchArtifact } from '../loading/fetch.js';
import { METADATA_FILE } from '../artifact/files.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import { FolderStore } from '../store/folder.js';
import { s3Unreachable, statusOf } from '../store/s3-client.js';
import { listS3Folder } from '../store/s3-object.js';
import { POINTER_FILE } from '../store/store.js';
import type { S3Address } from './s3-address.js';
import { sha256Hex } from '../sha256.js';

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

export interface PublishOptions {
  /** The folder of the versions. */
  readonly to: S3Address;
  readonly encryption?: Encryption;
  /** Whether to make it the version to serve, by writing `current.json` beside the versions. */
  readonly activate: boolean;
  readonly report: (line: string) => void;
}

export interface Published {
  readonly version: string;
  /** The names of the files, in the order of uploading. */
  readonly uploaded: readonly string[];
  /** The names of the files that an earlier, interrupted upload has left complete. */
  readonly resumed: readonly string[];
}

/**
 * Uploads the artifact in `folder` (named after its version) to `<to>/<version>/`, the metadata last: a reader sees the
 * whole version or none.
 *
 * Calling it again resumes an interrupted upload: files that exist with the same SHA-256 are not sent again.
 * @throws ArtifactError if the artifact is incomplete or does not match its own checksums; LightscoreError
 * VERSION_EXISTS, STORE_UNREACHABLE
 */
export async function publish(
  client: S3Client,
  folder: string,
  { to, encryption, activate, report }: PublishOptions,
): Promise<Published> {
  const version = basename(resolve(folder));
  const files = await readVerified(folder, version);
  const prefix = `${to.prefix}${version}/`;
  const location = `s3://${to.bucket}/${prefix}`;
  const { objects } = await listS3Folder(client, { bucket: to.bucket, prefix });
  const present = new Set(objects.map(({ key }) => key));
  if (present.has(prefix + METADATA_FILE)) {
    throw new LightscoreError(
      'VERSION_EXISTS',
      `version ${version} is already published at ${location}, and a published version is never overwritten`,
    );
  }
  const upload: Upload = { client, bucket: to.bucket, ...(encryption ? { encryption } : {}) };
  const uploaded: string[] = [];
  const resumed: string[] = [];
  for (const [name, content] of files) {
    if (present.has(prefix + name) && (await storedSha256(upload, prefix + name)) === sha256Hex(content)) {
      resumed.push(name);
      report(`kept ${name} from an earlier attempt`);
      continue;
    }
    await put(upload, prefix + name, content, { onlyNew: name === METADATA_FILE });
    uploaded.push(name);
    report(`uploaded ${name} (${content.length} bytes)`);
  }
  report(`published ${version} at ${location}`);
  if (activate) {
    await put(upload, to.prefix + POINTER_FILE, Buffer.from(`${JSON.stringify({ version })}\n`), { onlyNew: false });
    report(`${version} is now the version to serve (s3://${to.bucket}/${to.prefix}${POINTER_FILE})`);
  }
  return { version, uploaded, resumed };
}

/** The verified files of the artifact in the order of uploading, the metadata last. */
async function readVerified(folder: string, version: string): Promise<Map<string, Uint8Array>> {
  const {
    metadata,
    metadataFile,
    files: verified,
  } = await fetchArtifact(new FolderStore(dirname(resolve(folder))), version);
  if (metadata.modelVersion !== version) {
    throw new ArtifactError(
      metadataFile,
      `model_version is ${JSON.stringify(metadata.modelVersion)}, but the folder is named ${JSON.stringify(version)}`,
    );
  }
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  const inOrder = [...names.filter((name) => name !== METADATA_FILE).toSorted(), METADATA_FILE];
  const files = new Map<string, Uint8Array>();
  for (const name of inOrder) {
    const content = await readFile(join(folder, name));
    const expected = verified.find((file) => file.name === name);
    if (expected !== undefined && expected.sha256 !== sha256Hex(content))
      throw new ArtifactError(join(folder, name), 'changed while it was being read');
    files.set(name, content);
  }
  return files;
}

interface Upload {
  readonly client: S3Client;
  readonly bucket: string;
  readonly encryption?: Encryption;
}

async function put(
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
async function storedSha256({ client, bucket }: Upload, key: string): Promise<string | undefined> {
  try {
    const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return Metadata?.['sha256'];
  } catch (cause) {
    if (statusOf(cause) === 404) return undefined;
    throw s3Unreachable(`s3://${bucket}/${key}`, cause);
  }
}
