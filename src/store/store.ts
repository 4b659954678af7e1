/** The interface of artifact stores, and what they have in common. */
import { sha256Hex } from '../sha256.js';
import type { PointerContents } from './pointer.js';

/** A file of a version as the store listed it; `fingerprint` changes whenever the contents may have changed. */
export interface StoredFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly fingerprint: string;
}

/** `current.json` as it was read. */
export interface Pointer extends PointerContents {
  readonly fingerprint: string;
}

/**
 * A place for artifacts: a file system folder or a bucket, with one folder per version and optionally `current.json`
 * beside them.
 *
 * Every method throws LightscoreError STORE_UNREACHABLE when the store does not answer, and none of them retries beyond
 * what the store's own client does. A version name that could lead out of the store is never used in a path.
 */
export interface ArtifactStore {
  /** For messages: the folder's path or `s3://bucket/prefix`, without a trailing slash. */
  readonly location: string;

  /** Returns the names of the versions, complete or not, in any order. */
  versions(): Promise<string[]>;

  /** Why nothing that is there may be a version, as the end of a sentence; undefined where nothing explains it. */
  whyNone?(): Promise<string | undefined>;

  /** Returns the files of one version; none if the version does not exist. */
  files(version: string): Promise<StoredFile[]>;

  /**
   * Returns the bytes of a file as `files` listed it.
   * @throws ArtifactError when it is larger than `maxBytes`, gone, or no longer the file that was listed.
   */
  read(version: string, file: StoredFile, maxBytes: number): Promise<Uint8Array>;

  /**
   * Returns the contents of `current.json`; undefined if it does not exist. With `known`, the pointer read before, it
   * returns that same value while the file is unchanged (by a conditional request if the store has them).
   * Its signature is not verified.
   * @throws ArtifactError when it is not `{"version": "..."}`.
   */
  pointer(known?: Pointer): Promise<Pointer | undefined>;

  /** The place of a file, for messages. */
  pathOf(version: string, name: string): string;

  /** Closes connections; the store must not be used afterwards. */
  close(): void;
}

export const POINTER_FILE = 'current.json';
export const MAX_POINTER_BYTES = 65_536;

/** Computes one fingerprint for all files of a version: it changes when any file changes, appears or disappears. */
export function filesFingerprint(files: readonly StoredFile[]): string {
  const lines = files.map(({ name, size, fingerprint }) => JSON.stringify([name, size, fingerprint]));
  return sha256Hex(lines.toSorted().join('\n'));
}
