/** What all threads that score have in common, and who scores with it. */
import type { ScoreTask } from '../../workers/mailbox.js';
import { type Kernels, compileKernel, instantiateKernel } from './kernel.js';
import { type Regions, SharedMemory } from './memory.js';

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

/** Scores on the calling thread, no answers written. */
export class OnTheSpot implements Scorer {
  readonly workers = 1;
  readonly memory: Regions;
  readonly #kernels: Kernels;

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
