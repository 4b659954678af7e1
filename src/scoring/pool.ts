/** The pool of scoring workers, one shared memory under all of them, and the kernel of this thread for scoring on the spot. */
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { ScoreTask, ScoreWorkerData } from '../../workers/score.js';
import type { Strategy } from '../model/image.js';
import { type BoundKernel, compileKernel, instantiateKernel } from './kernel.js';
import { type Regions, SharedMemory } from './memory.js';

/** What all threads that score have in common. */
export interface ScoringGround<Memory extends Regions = Regions> {
  readonly memory: Memory;
  /** The compiled kernel, which every thread instantiates for itself. */
  readonly module: WebAssembly.Module;
}

export function scoringGround(): ScoringGround<SharedMemory> {
  return { memory: new SharedMemory(), module: compileKernel() };
}

/** Scores a lane, somewhere. */
export interface Scorer {
  /** Lanes that are scored at the same time. */
  readonly workers: number;
  /**
   * @returns microseconds spent
   * @throws whatever ended the worker; the lane's rows are untouched then, so the same task may be run again
   */
  run(task: ScoreTask): Promise<number>;
}

/** Scores on the calling thread. */
export class OnTheSpot implements Scorer {
  readonly workers = 1;
  readonly memory: Regions;
  readonly #kernels: Readonly<Record<Strategy, BoundKernel>>;

  constructor({ memory, module }: ScoringGround) {
    this.memory = memory;
    this.#kernels = instantiateKernel(module, memory.memory);
  }

  run({ strategy, image, lane, first, end, explain }: ScoreTask): Promise<number> {
    const started = performance.now();
    this.#kernels[strategy].score(image, lane, first, end);
    if (explain) this.#kernels[strategy].explain(image, lane, first, end);
    return Promise.resolve((performance.now() - started) * 1000);
  }
}

export class ScoringPool<Memory extends Regions = SharedMemory> implements Scorer, ScoringGround<Memory> {
  readonly memory: Memory;
  readonly module: WebAssembly.Module;
  /** This thread's own kernels over the same memory. */
  readonly kernels: Readonly<Record<Strategy, BoundKernel>>;
  readonly #piscina: Piscina;

  /** @param workers threads, at least 1, started at once and kept */
  constructor(readonly workers: number, { memory, module }: ScoringGround<Memory>) {
    this.memory = memory;
    this.module = module;
    this.kernels = instantiateKernel(module, memory.memory);
    const workerData: ScoreWorkerData = { module, memory: memory.memory };
    this.#piscina = new Piscina({
      filename: fileURLToPath(new URL('../../workers/score.js', import.meta.url)),
      minThreads: workers,
      maxThreads: workers,
      idleTimeout: 0,
      maxQueue: Number.POSITIVE_INFINITY,
      recordTiming: false,
      workerData,
    });
  }

  run(task: ScoreTask): Promise<number> {
    return this.#piscina.run(task) as Promise<number>;
  }

  /** Threads alive now. */
  get threads(): readonly { readonly threadId: number; terminate(): Promise<number> }[] {
    return this.#piscina.threads;
  }

  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
