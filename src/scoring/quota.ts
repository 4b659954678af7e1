/** Limits on amounts that are taken and given back, such as rows or bytes: for one thread, or shared by several. */
import { invariant } from '../invariant.js';

export interface Quota {
  /** Takes `amount`; if that exceeds the limit, takes nothing and returns false. */
  take(amount: number): boolean;
  /** Gives back `amount` of what this thread has taken. */
  give(amount: number): void;
  /** What this thread has taken and not given back. */
  readonly taken: number;
}

const NEGATIVE = 'a negative amount is taken from a quota';
const EXCESSIVE = 'more is given back to a quota than was taken from it';

export class OwnQuota implements Quota {
  readonly #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  take(amount: number): boolean {
    invariant(amount >= 0, NEGATIVE);
    if (this.#taken + amount > this.#limit) return false;
    this.#taken += amount;
    return true;
  }

  give(amount: number): void {
    invariant(amount >= 0 && amount <= this.#taken, EXCESSIVE);
    this.#taken -= amount;
  }
}

/**
 * One limit that several threads share, without a lock.
 *
 *     cells: | all | holder 0 | holder 1 | ...     what all holders have taken, then what each of them has
 *
 * The limit is never exceeded. It may be reached a moment too early: a failed attempt counts until it is taken back.
 */
export class SharedQuota implements Quota {
  readonly #cells: Int32Array;
  readonly #limit: number;
  readonly #holder: number;

  static cells(holders: number): Int32Array {
    return new Int32Array(new SharedArrayBuffer(4 * (1 + holders)));
  }

  /**
   * @param limit at most 2^30, as cells are 32 bits wide
   * @param holder index of this thread among the holders, from 0
   */
  constructor(cells: Int32Array, { limit, holder }: { readonly limit: number; readonly holder: number }) {
    this.#cells = cells;
    this.#limit = limit;
    this.#holder = holder;
  }

  get taken(): number {
    return Atomics.load(this.#cells, 1 + this.#holder);
  }

  take(amount: number): boolean {
    invariant(amount >= 0, NEGATIVE);
    if (Atomics.add(this.#cells, 0, amount) + amount > this.#limit) {
      Atomics.sub(this.#cells, 0, amount);
      return false;
    }
    Atomics.add(this.#cells, 1 + this.#holder, amount);
    return true;
  }

  give(amount: number): void {
    invariant(amount >= 0 && amount <= this.taken, EXCESSIVE);
    Atomics.sub(this.#cells, 1 + this.#holder, amount);
    Atomics.sub(this.#cells, 0, amount);
  }

  /** Gives back everything that this holder has taken, after its thread has ended. */
  giveAll(): void {
    Atomics.sub(this.#cells, 0, Atomics.exchange(this.#cells, 1 + this.#holder, 0));
  }
}
