/** How many workers of a pool are free, and how many rows the others score. */
import { invariant } from '../invariant.js';

export class FreeWorkers {
  readonly #workers: number;
  #free: number;
  #rows = 0;

  /** @param workers of the pool, all of them free */
  constructor(workers: number) {
    this.#workers = workers;
    this.#free = workers;
  }

  get free(): number {
    return this.#free;
  }

  /** Rows that are being scored. */
  get rows(): number {
    return this.#rows;
  }

  /** @param rows that it scores */
  take(rows: number): void {
    invariant(this.#free > 0, 'a batch is given to a worker while none is free');
    this.#free--;
    this.#rows += rows;
  }

  /** @param rows that it was taken for */
  giveBack(rows: number): void {
    invariant(this.#free < this.#workers, 'a worker is given back that was free already');
    invariant(rows <= this.#rows, 'a worker is given back with more rows than are being scored');
    this.#free++;
    this.#rows -= rows;
  }
}
