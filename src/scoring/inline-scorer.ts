/** Scoring on the calling thread, for a main thread that has no workers of its own. */
import { type Kernels, type SharedScoringResources, instantiateKernel, runTask } from './kernel.js';
import type { ScoreTask } from './mailbox.js';
import type { Regions } from './memory.js';
import type { Scorer } from './pool.js';

export class InlineScorer implements Scorer {
  readonly workers = 1;
  readonly memory: Regions;
  readonly #kernels: Kernels;

  constructor({ memory, module }: SharedScoringResources) {
    this.memory = memory;
    this.#kernels = instantiateKernel(module, memory.memory);
  }

  run(task: ScoreTask): Promise<number> {
    return Promise.resolve(runTask(this.#kernels, task) * 1000);
  }
}
