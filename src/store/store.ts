/** The interface of a store of artifacts, which folders and buckets implement. */
import { createHash } from 'node:crypto';

/** A file of a version as the store listed it; `fingerprint` changes whenever its contents may have changed. */
export interface StoredFile {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly fingerprint: string;
}

/** The version that `current.json` names. */
export interface Pointer {
  readonly version: string;
  readonly fingerprint: string;
}

/**
 * A folder or a bucket with artifacts: one folder for each version, and perhaps `current.json` beside them.
 *
 * Every method throws LightscoreError STORE_UNREACHABLE where the store does not answer, and none retries beyond what
 * the store's own client does. Names of versions and files that could lead out of the store are never passed on.
 */
export interface ArtifactStore {
  /** For messages: the folder's path or `s3://bucket/prefix`, without a slash at the end. */
  readonly location: string;

  /** The names of the versions, complete or not, in no particular order. */
  versions(): Promise<string[]>;

  /** The files of one version; none where the version does not exist. */
  files(version: string): Promise<StoredFile[]>;

  /**
   * The bytes of a file that `files` listed.
   * @throws ArtifactError where it is larger than `maxBytes`, gone, or no longer the file that was listed.
   */
  read(version: string, file: StoredFile, maxBytes: number): Promise<Uint8Array>;

  /**
   * The contents of `current.json`; undefined where it does not exist. With `known`, a pointer read before, that same
   * value is returned while the file has not changed (by a conditional request where the store has them).
   * @throws ArtifactError where it is not `{"version": "..."}`.
   */
  pointer(known?: Pointer): Promise<Pointer | undefined>;

  /** Closes connections; the store must not be used afterwards. */
  close(): void;
}

export const POINTER_FILE = 'current.json';
export const MAX_POINTER_BYTES = 65_536;

/** One fingerprint for all files of a version: it changes when any file changes, appears or disappears. */
export function filesFingerprint(files: readonly StoredFile[]): string {
  const lines = files.map(({ name, size, fingerprint }) => JSON.stringify([name, size, fingerprint]));
  return createHash('sha256').update(lines.toSorted().join('\n')).digest('hex');
}
