/** Uploads artifacts to S3. */
import type { KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import type { S3Client } from '@aws-sdk/client-s3';

import { fetchArtifact } from '../loading/fetch.js';
import { METADATA_FILE } from '../artifact/files.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import { FolderStore } from '../store/folder.js';
import { listS3Folder } from '../store/s3-object.js';
import type { S3Address } from '../store/s3-address.js';
import { sha256Hex } from '../sha256.js';
import { pointBucket } from './point.js';
import { type Encryption, type Upload, put, storedSha256 } from './upload.js';

export interface PublishOptions {
  /** The folder of the versions. */
  readonly to: S3Address;
  readonly encryption?: Encryption;
  /** Whether to make it the version to serve, by writing `current.json` beside the versions. */
  readonly activate: boolean;
  /** Signs that `current.json`; it is not signed without one. */
  readonly pointerKey?: KeyObject;
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
  { to, encryption, activate, pointerKey, report }: PublishOptions,
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
  if (activate) report(await pointBucket(upload, to.prefix, { version, key: pointerKey }));
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
