/** Reads the model that `--against` names. */
import { basename, dirname, resolve } from 'node:path';

import { fetchArtifact } from '../loading/fetch.js';
import { FolderStore } from '../store/folder.js';
import { S3Store } from '../store/s3.js';
import type { ArtifactStore } from '../store/store.js';
import type { BaselineModel } from './gate.js';
import { parseS3Address } from '../store/s3-address.js';

/**
 * Reads the model with which a new one is compared, verified like a model to be served.
 * @param location the folder of its version, such as `models/v1.1.0`, or `s3://bucket/models/v1.1.0`
 * @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; ArtifactError
 */
export async function readBaseline(location: string): Promise<BaselineModel> {
  const { store, version } = openVersion(location);
  try {
    const { modelText, calibrator, metadata } = await fetchArtifact(store, version);
    return {
      version: metadata.modelVersion,
      modelText: Buffer.from(modelText).toString('utf8'),
      calibrator,
      featureNames: metadata.featureNames,
    };
  } finally {
    store.close();
  }
}

function openVersion(location: string): { store: ArtifactStore; version: string } {
  const address = parseS3Address(location);
  if (address === undefined)
    return { store: new FolderStore(dirname(resolve(location))), version: basename(resolve(location)) };
  const parts = address.prefix.split('/').slice(0, -1);
  return {
    store: new S3Store({
      bucket: address.bucket,
      prefix: parts
        .slice(0, -1)
        .map((part) => `${part}/`)
        .join(''),
    }),
    version: parts.at(-1) ?? '',
  };
}
