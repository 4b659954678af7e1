/** Limits over what is taken and given back: rows, bytes. Of one thread, or one limit that several threads share. */

import { invariant } from '../invariant.js';

export interface Quota {
  /** Takes all of `amount`; where that is past the limit nothing, and returns false. */
  take(amount: number): boolean;
  /** Gives back `amount` of what this thread has taken. */
  give(amount: number): void;
  /** Taken by this thread and not given back. */
  readonly taken: number;
}

const TAKES_LESS = 'less than nothing is taken of a quota';
const GIVES_MORE = 'more is given back to a quota than was taken of it';

export class OwnQuota implements Quota {
  #taken = 0;

  constructor(private readonly limit: number) {}

  get taken(): number {
    return this.#taken;
  }

  take(amount: number): boolean {
    invariant(amount >= 0, TAKES_LESS);
    if (this.#taken + amount > this.limit) return false;
    this.#taken += amount;
    return true;
  }

  give(amount: number): void {
    invariant(amount >= 0 && amount <= this.#taken, GIVES_MORE);
    this.#taken -= amount;
  }
}

/**
 * One limit over several threads, without a lock.
 *
 *     cells: | all | holder 0 | holder 1 | ...     what all have taken, and of it each holder
 *
 * The limit is never exceeded. It may be met a moment too early: an attempt that is taken back at once counts until it
 * is.
 */
export class SharedQuota implements Quota {
  static cells(holders: number): Int32Array {
    return new Int32Array(new SharedArrayBuffer(4 * (1 + holders)));
  }

  /** @param limit at most 2^30, as cells are 32 bits wide */
  constructor(
    private readonly cells: Int32Array,
    private readonly limit: number,
    private readonly holder: number,
  ) {}

  get taken(): number {
    return Atomics.load(this.cells, 1 + this.holder);
  }

  take(amount: number): boolean {
    invariant(amount >= 0, TAKES_LESS);
    if (Atomics.add(this.cells, 0, amount) + amount > this.limit) {
      Atomics.sub(this.cells, 0, amount);
      return false;
    }
    Atomics.add(this.cells, 1 + this.holder, amount);
    return true;
  }

  give(amount: number): void {
    invariant(amount >= 0 && amount <= this.taken, GIVES_MORE);
    Atomics.sub(this.cells, 1 + this.holder, amount);
    Atomics.sub(this.cells, 0, amount);
  }

  /** Gives back all that this holder has taken: its thread has ended. */
  giveAll(): void {
    Atomics.sub(this.cells, 0, Atomics.exchange(this.cells, 1 + this.holder, 0));
  }
}
