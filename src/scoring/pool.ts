/** The pool of scoring workers, one shared memory under all of them, and the kernel of this thread for scoring on the spot. */
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { ScoreTask, ScoreWorkerData } from '../../workers/score.js';
import { type Kernels, compileKernel, instantiateKernel } from './kernel.js';
import { SharedMemory } from './memory.js';

export class ScoringPool {
  readonly memory = new SharedMemory();
  /** The compiled kernel, which every thread instantiates for itself. */
  readonly module = compileKernel();
  /** This thread's own kernels over the same memory. */
  readonly kernels: Kernels;
  readonly #piscina: Piscina;

  /** @param workers threads, at least 1, started at once and kept */
  constructor(readonly workers: number) {
    this.kernels = instantiateKernel(this.module, this.memory.memory);
    const workerData: ScoreWorkerData = { module: this.module, memory: this.memory.memory };
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

  /**
   * @returns microseconds the worker spent
   * @throws whatever ended the worker; the lane's rows are untouched then, so the same task may be run again
   */
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
