/** The messages between the main thread and the loader's thread. */
import type { MessagePort } from 'node:worker_threads';
import type { LaneShape } from '../model/image.js';
import type { Strategy } from '../model/strategies.js';
import type { ErrorCode } from '../errors.js';
import type { ModelCard } from '../scoring/model-card.js';
import type { StoreConfig } from './open-source.js';
import type { ArtifactFile } from './fetch.js';

export interface LoadWorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly store: StoreConfig;
}

/** Which version to load, and how. */
export interface LoadRequest {
  readonly version: string;
  readonly requireChecksums: boolean;
  /** MODEL_PUBLIC_KEY, PEM. */
  readonly publicKey: string | undefined;
  /**
   * The first load of the process runs its parts in parallel, as no model serves yet. Later loads run them one after
   * another and so occupy one core.
   */
  readonly isFirst: boolean;
}

export interface LoadTask extends LoadRequest {
  /** Sends MemoryRequests and receives addresses: only the main thread allocates shared memory. */
  readonly port: MessagePort;
}

export interface MemoryRequest {
  readonly bytes: number;
}

/** Rows that the kernel and each other scorer score alike, bit for bit; 0 if a scorer is not available. */
export interface SelfCheckRows {
  readonly treeWalk: number;
  /** Rows of self_check.json. */
  readonly trainer: number;
  readonly native: number;
}

/** A verified image, and the facts about its version. */
export interface LoadedImage {
  readonly card: ModelCard;
  readonly strategy: Strategy;
  readonly shape: LaneShape;
  /** Address in the shared memory. */
  readonly image: number;
  readonly imageBytes: number;
  /** The plain tree walk's raw score of the card's example row. */
  readonly exampleRaw: number;
  readonly files: readonly ArtifactFile[];
  readonly signed: boolean;
  readonly fingerprint: string;
  readonly warnings: readonly string[];
  readonly selfCheck: SelfCheckRows;
}

/**
 * An error as plain data, because errors lose their class when they are sent between threads. `file` and `reason` are
 * those of an ArtifactError.
 */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly file?: string;
  readonly reason?: string;
}

export type LoadResult = { readonly loaded: LoadedImage } | { readonly refused: Refusal };
