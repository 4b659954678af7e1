import { createHash } from 'node:crypto';

/** A file of a version as the store listed it; `fingerprint` changes when its contents may have. */
export interface StoredFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly fingerprint: string;
}

/** What `current.json` says. */
export interface Pointer {
  readonly version: string;
  readonly fingerprint: string;
}

/**
 * Where artifacts are kept: a folder or a bucket, with one folder a version and perhaps `current.json` beside them.
 *
 * Every method raises LightscoreError STORE_UNREACHABLE when the store does not answer, and none of them retries beyond
 * what the store's own client does. Version and file names that could lead out of the store are never passed on.
 */
export interface ArtifactStore {
  /** For messages: the folder's path or `s3://bucket/prefix`, without a slash at the end. */
  readonly location: string;

  /** The names of the versions, complete or not, in no order. */
  versions(): Promise<string[]>;

  /** The files of one version; none when there is no such version. */
  files(version: string): Promise<StoredFile[]>;

  /**
   * The bytes of a file as `files` listed it.
   * @throws ArtifactError when it is larger than `maxBytes`, gone, or no longer the file that was listed.
   */
  read(version: string, file: StoredFile, maxBytes: number): Promise<Uint8Array>;

  /**
   * What `current.json` names; undefined when there is none. With `known`, the pointer read before, that same value is
   * returned while the file has not changed (a conditional request where the store has them).
   * @throws ArtifactError when it is not `{"version": "..."}`.
   */
  pointer(known?: Pointer): Promise<Pointer | undefined>;

  /** Ends connections; the store is not used afterwards. */
  close(): void;
}

export const POINTER_FILE = 'current.json';
export const MAX_POINTER_BYTES = 65_536;

/** One fingerprint for all files of a version: it changes when any file changes, comes or goes. */
export function filesFingerprint(files: readonly StoredFile[]): string {
  const lines = files.map(({ name, size, fingerprint }) => JSON.stringify([name, size, fingerprint]));
  return createHash('sha256').update(lines.toSorted().join('\n')).digest('hex');
}
