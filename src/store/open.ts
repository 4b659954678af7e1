/** Opens the store that the configuration names. */
import type { Config } from '../config/config.js';
import { FolderStore } from './folder.js';
import type { ArtifactStore } from './store.js';

export type StoreConfig = Config['models']['store'];

/** Imports the AWS SDK only for a bucket, because it takes longer to load than the rest of the server. */
export async function openStore(store: StoreConfig): Promise<ArtifactStore> {
  if (store.kind === 'folder') return new FolderStore(store.folder);
  const { S3Store } = await import('./s3.js');
  return new S3Store({ bucket: store.bucket, prefix: store.prefix });
}
