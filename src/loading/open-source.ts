/** Opens the store that the configuration names: a folder of versions, one version's folder, or a single file. */
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Config } from '../config/config.js';
import { LightscoreError } from '../errors.js';
import { FileStore } from '../store/file.js';
import { FolderStore } from '../store/folder.js';
import { OnlyVersion } from '../store/only-version.js';
import { parseS3Address } from '../store/s3-address.js';
import type { S3StoreOptions } from '../store/s3.js';
import type { ArtifactStore } from '../store/store.js';
import { isVersionName } from '../store/version-name.js';
import { METADATA_FILE } from '../artifact/files.js';
import { ConvertingStore } from './converting-store.js';
import { modelIn } from '../artifact/found-files.js';

export type StoreConfig = Config['models']['store'];

const versionsOf = (base: ArtifactStore): ConvertingStore => new ConvertingStore(base, { isNamed: false });
const versionOf = (base: ArtifactStore): ConvertingStore => new ConvertingStore(base, { isNamed: true });

/** @throws LightscoreError STORE_UNREACHABLE where there is nothing at the path */
export async function openSource(store: StoreConfig): Promise<ConvertingStore> {
  if (store.kind === 'folder') return versionsOf(new FolderStore(store.folder));
  if (store.kind === 's3') return versionsOf(await openBucket(store));
  const address = parseS3Address(store.path);
  if (address !== undefined) return await openAddress({ ...address, addressing: store.addressing });
  const path = resolve(store.path);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new LightscoreError('STORE_UNREACHABLE', `${store.path}: does not exist`);
  if (found.isFile()) return versionOf(new FileStore(path));
  const [parent, name] = [new FolderStore(dirname(path)), basename(path)];
  return (await isVersion(parent, name)) ? versionOf(new OnlyVersion(parent, name)) : versionsOf(new FolderStore(path));
}

type Bucket = Pick<S3StoreOptions, 'bucket' | 'addressing'> & { readonly prefix: string };

async function openAddress({ prefix, ...bucket }: Bucket): Promise<ConvertingStore> {
  const parts = prefix.split('/').filter((part) => part !== '');
  const name = parts.pop() ?? '';
  const parent = await openBucket({ ...bucket, prefix: parts.map((part) => `${part}/`).join('') });
  if (await isVersion(parent, name)) return versionOf(new OnlyVersion(parent, name));
  parent.close();
  return versionsOf(await openBucket({ ...bucket, prefix }));
}

/** Imports the AWS SDK only for a bucket, because it takes longer to load than the rest of the server. */
async function openBucket(bucket: Bucket): Promise<ArtifactStore> {
  const { S3Store } = await import('../store/s3.js');
  return new S3Store(bucket);
}

async function isVersion(parent: ArtifactStore, name: string): Promise<boolean> {
  if (!isVersionName(name)) return false;
  const names = (await parent.files(name)).map((file) => file.name);
  return names.includes(METADATA_FILE) || modelIn(names) !== undefined;
}
