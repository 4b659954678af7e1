/** What travels between the main thread and the loader's thread. */
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
  /** Nothing serves yet: what can run side by side does. Later loads keep to one core. */
  readonly hurried: boolean;
  /** Gets MemoryRequests, answers with addresses: the main thread alone hands out memory. */
  readonly port: MessagePort;
}

export interface MemoryRequest {
  readonly bytes: number;
}

/** Rows on which the kernel agreed bit for bit with each of them; 0 where it could not be asked. */
export interface SelfCheckRows {
  readonly treeWalk: number;
  /** Of self_check.json. */
  readonly trainer: number;
  readonly native: number;
}

/** A verified image, and what is known of the version. */
export interface LoadedImage {
  readonly card: ModelCard;
  readonly strategy: Strategy;
  readonly shape: LaneShape;
  /** Address in the shared memory. */
  readonly image: number;
  readonly imageBytes: number;
  /** Raw score of the card's example row, by the plain tree walk. */
  readonly exampleRaw: number;
  readonly files: readonly ArtifactFile[];
  readonly signed: boolean;
  readonly fingerprint: string;
  readonly warnings: readonly string[];
  readonly selfCheck: SelfCheckRows;
}

/**
 * Errors lose their class on the way between threads, so a refusal travels as a value. `file` and `reason` are an
 * ArtifactError's.
 */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly file?: string;
  readonly reason?: string;
}

export type LoadResult = { readonly loaded: LoadedImage } | { readonly refused: Refusal };
