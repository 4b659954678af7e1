/** The artifact store in an S3 bucket. */
import type { S3Client } from '@aws-sdk/client-s3';
import { ArtifactError } from '../errors.js';
import { createS3Client, S3_RETRY_POLICY, type S3ClientOptions, type S3RetryPolicy } from './s3-client.js';
import { listS3Folder, readS3Object } from './s3-object.js';
import { type ArtifactStore, MAX_POINTER_BYTES, type Pointer, POINTER_FILE, type StoredFile } from './store.js';
import { parsePointer } from './pointer.js';
import { isVersionName, whyNoVersions } from './version-name.js';

export interface S3StoreOptions extends S3ClientOptions {
  readonly bucket: string;
  /** The folder of the versions; a missing trailing slash is added. */
  readonly prefix?: string;
}

/** A bucket of versions. Reads are pinned to the ETag of the listing, so that a file never mixes two versions of it. */
export class S3Store implements ArtifactStore {
  readonly location: string;
  readonly client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #policy: S3RetryPolicy;

  constructor({ bucket, prefix = 'models/', retry = {}, endpoint, addressing }: S3StoreOptions) {
    this.#bucket = bucket;
    this.#prefix = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
    this.location = `s3://${bucket}/${this.#prefix}`.replace(/\/$/, '');
    this.#policy = { ...S3_RETRY_POLICY, ...retry };
    this.client = createS3Client({
      retry,
      ...(endpoint !== undefined && { endpoint }),
      ...(addressing !== undefined && { addressing }),
    });
  }

  async versions(): Promise<string[]> {
    const { folders } = await listS3Folder(this.client, { bucket: this.#bucket, prefix: this.#prefix });
    return folders.map((folder) => folder.slice(this.#prefix.length, -1)).filter(isVersionName);
  }

  async whyNone(): Promise<string | undefined> {
    const { folders, objects } = await listS3Folder(this.client, { bucket: this.#bucket, prefix: this.#prefix });
    return whyNoVersions(
      objects.map(({ key }) => key.slice(this.#prefix.length)),
      folders.map((folder) => folder.slice(this.#prefix.length, -1)),
    );
  }

  async files(version: string): Promise<StoredFile[]> {
    if (!isVersionName(version)) return [];
    const prefix = `${this.#prefix}${version}/`;
    const { objects } = await listS3Folder(this.client, { bucket: this.#bucket, prefix });
    return objects.map(({ key, size, etag }) => ({ name: key.slice(prefix.length), size, fingerprint: etag }));
  }

  async read(version: string, file: StoredFile, maxBytes: number): Promise<Uint8Array> {
    const key = `${this.#prefix}${version}/${file.name}`;
    const name = `s3://${this.#bucket}/${key}`;
    if (file.size > maxBytes)
      throw new ArtifactError(name, `has ${file.size} bytes, more than the limit of ${maxBytes}`);
    const pin = file.fingerprint === '' ? {} : { ifMatch: file.fingerprint };
    const options = { ...this.#policy, maxBytes, ...pin };
    const object = await readS3Object(this.client, { bucket: this.#bucket, key }, options);
    if (object === undefined || object === 'unchanged')
      throw new ArtifactError(name, 'disappeared while the artifact was being read');
    // A store that sends no ETag with an object is held to the size at least.
    if (object.bytes.length !== file.size) throw new ArtifactError(name, 'changed while the artifact was being read');
    return object.bytes;
  }

  async pointer(known?: Pointer): Promise<Pointer | undefined> {
    const key = `${this.#prefix}${POINTER_FILE}`;
    const since = known === undefined || known.fingerprint === '' ? {} : { ifNoneMatch: quoted(known.fingerprint) };
    const object = await readS3Object(
      this.client,
      { bucket: this.#bucket, key },
      {
        ...this.#policy,
        maxBytes: MAX_POINTER_BYTES,
        ...since,
      },
    );
    if (object === 'unchanged') return known;
    return object && { ...parsePointer(object.bytes, `s3://${this.#bucket}/${key}`), fingerprint: object.etag };
  }

  pathOf(version: string, name: string): string {
    return `${this.location}/${version}/${name}`;
  }

  close(): void {
    this.client.destroy();
  }
}

/** Some servers leave out the quotes that HTTP wants. */
const quoted = (etag: string): string => (etag.endsWith('"') ? etag : `"${etag}"`);
