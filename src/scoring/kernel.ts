/** The compiled kernel: one WebAssembly module, which every scoring thread instantiates over the shared memory. */
import { readFileSync } from 'node:fs';
import type { ScoreTask } from './mailbox.js';
import { type Regions, SharedMemory } from './memory.js';
import type { Strategy } from '../model/strategies.js';

/** `image` and `lane` are addresses. Rows first..end of the lane must be written before the call. */
type KernelFunction = (image: number, lane: number, first: number, end: number) => void;

interface KernelExports {
  readonly rawMask32: KernelFunction;
  readonly rawMask64: KernelFunction;
  readonly rawWalk: KernelFunction;
  readonly scoreMask32: KernelFunction;
  readonly scoreMask64: KernelFunction;
  readonly scoreWalk: KernelFunction;
  readonly predict: KernelFunction;
  readonly calibrate: KernelFunction;
  readonly explain: KernelFunction;
}

/**
 * The functions that read requests and write answers; `workers/kernel/layout.ts` documents their data. `reader`, `at`
 * (of a text), `row`, `rows`, `id`, `ids`, `image`, `text`, `lane` and `lines` are addresses; `place`, `first` and
 * `end` are row indices in a lane.
 */
export interface TextKernel {
  readonly indexNames: (reader: number) => void;
  /** @returns 1; 0 if the host must read the request */
  readonly readSingle: (reader: number, at: number, row: number, id: number) => number;
  /** @returns the number of requests in the body, at most `max`; 0 if the host must read it */
  readonly readBatch: (reader: number, at: number, rows: number, ids: number, max: number) => number;
  readonly putId: (id: number, lane: number, place: number) => void;
  readonly writeAnswers: (image: number, text: number, lane: number, first: number, end: number) => void;
  readonly appendLine: (lines: number, text: number, lane: number, place: number, milliseconds: number) => void;
}

export type Kernels = Readonly<Record<Strategy, BoundKernel>> & { readonly text: TextKernel };

/** The kernel's functions for one strategy. */
export interface BoundKernel {
  /** Fills raw. */
  readonly raw: KernelFunction;
  /** Fills prediction from raw. */
  readonly predict: KernelFunction;
  /** Fills raw, prediction, calibrated and ranking, for models with one output. */
  readonly score: KernelFunction;
  /** Fills contributions of an explain lane. */
  readonly explain: KernelFunction;
}

/** What all scoring threads share. */
export interface SharedScoringResources<Memory extends Regions = Regions> {
  readonly memory: Memory;
  /** The compiled kernel; every thread creates its own instance. */
  readonly module: WebAssembly.Module;
}

export function createScoringResources(): SharedScoringResources<SharedMemory> {
  return { memory: new SharedMemory(), module: compileKernel() };
}

export function compileKernel(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(new URL('../../workers/kernel.wasm', import.meta.url)));
}

export function instantiateKernel(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const kernel = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports & TextKernel;
  const { predict, explain } = kernel;
  return {
    mask32: { raw: kernel.rawMask32, score: kernel.scoreMask32, predict, explain },
    mask64: { raw: kernel.rawMask64, score: kernel.scoreMask64, predict, explain },
    walk: { raw: kernel.rawWalk, score: kernel.scoreWalk, predict, explain },
    text: kernel,
  };
}

/**
 * Scores the rows of a task, and computes their contributions or writes their answers if the task asks for it.
 * @returns the time spent, in milliseconds
 */
export function runTask(kernels: Kernels, { strategy, image, text, lane, first, end, explain }: ScoreTask): number {
  const started = performance.now();
  const kernel = kernels[strategy];
  kernel.score(image, lane, first, end);
  if (explain) kernel.explain(image, lane, first, end);
  if (text > 0) kernels.text.writeAnswers(image, text, lane, first, end);
  return performance.now() - started;
}
