/** The messages between the main thread and the loader's thread. */
import type { MessagePort } from 'node:worker_threads';
import type { LaneShape } from '../model/image.js';
import type { Strategy } from '../model/strategies.js';
import type { ErrorCode } from '../errors.js';
import type { ModelCard } from '../scoring/model-card.js';
import type { StoreConfig } from '../store/open.js';
import type { ArtifactFile } from './fetch.js';

export interface LoadWorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly store: StoreConfig;
}

export interface LoadTask {
  readonly version: string;
  readonly requireChecksums: boolean;
  /** MODEL_PUBLIC_KEY, PEM. */
  readonly publicKey: string | undefined;
  /** The first load runs native LightGBM in parallel, as nothing is served yet. Later loads use one core. */
  readonly parallel: boolean;
  /** Receives MemoryRequests and responds with addresses: only the main thread allocates. */
  readonly port: MessagePort;
}

export interface MemoryRequest {
  readonly bytes: number;
}

/** The number of rows on which the kernel agreed bit for bit with each scorer; 0 if a scorer is not available. */
export interface SelfCheckRows {
  readonly treeWalk: number;
  /** The scores in self_check.json. */
  readonly trainer: number;
  readonly native: number;
}

/** A verified image, and the properties of its version. */
export interface LoadedImage {
  readonly card: ModelCard;
  readonly strategy: Strategy;
  readonly shape: LaneShape;
  /** Address in the shared memory. */
  readonly image: number;
  readonly imageBytes: number;
  /** Raw score of the card's example row by the plain tree walk. */
  readonly exampleRaw: number;
  readonly files: readonly ArtifactFile[];
  readonly signed: boolean;
  readonly fingerprint: string;
  readonly warnings: readonly string[];
  readonly selfCheck: SelfCheckRows;
}

/**
 * Why a load was refused. It is plain data, as errors lose their class between threads. `file` and `reason` are set for
 * an ArtifactError.
 */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly file?: string;
  readonly reason?: string;
}

export type LoadResult = { readonly loaded: LoadedImage } | { readonly refused: Refusal };
