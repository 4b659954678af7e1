/** Counts how many workers of a pool are free, and how many rows the others score. */
import { invariant } from '../invariant.js';

export class FreeWorkers {
  readonly #workers: number;
  #free: number;
  #rows = 0;

  /** @param workers how many the pool has; all of them are free */
  constructor(workers: number) {
    this.#workers = workers;
    this.#free = workers;
  }

  get free(): number {
    return this.#free;
  }

  /** Number of rows that are being scored. */
  get rows(): number {
    return this.#rows;
  }

  /** @param rows how many rows the worker scores */
  take(rows: number): void {
    invariant(this.#free > 0, 'a worker is taken while none is free');
    this.#free--;
    this.#rows += rows;
  }

  /** @param rows the same number as when the worker was taken */
  release(rows: number): void {
    invariant(this.#free < this.#workers, 'a worker is released that is already free');
    invariant(rows <= this.#rows, 'a worker is released with more rows than are being scored');
    this.#free++;
    this.#rows -= rows;
  }
}
