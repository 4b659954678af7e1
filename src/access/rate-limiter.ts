/** RATE_LIMIT: how many requests a second a caller may send, counted over all acceptors. */
import { FNV_OFFSET, finalized, fnv1a } from '../hash.js';
import { addressGroup } from './client-address.js';

/** The window that RATE_LIMIT counts in, in seconds. */
export const WINDOW_SECONDS = 1;

/** Callers whose hashes fall into one bucket are counted apart up to so many. */
const WAYS = 8;
/** Part of the table: its first bucket, and how many there are (a power of two). */
interface Buckets {
  readonly first: number;
  readonly count: number;
}
/** 131,072 addresses. They are apart from the keys: whoever sends from many addresses takes no room from keys. */
const ADDRESSES: Buckets = { first: 0, count: 16_384 };
const KEYS: Buckets = { first: ADDRESSES.count, count: 1024 };
const WORDS = WAYS * (ADDRESSES.count + KEYS.count);
/** Callers for whom their bucket has no room share this many counters, behind the buckets. */
const SHARED_COUNTERS = 1024;

const COUNT_BITS = 20n;
const COUNT_MASK = (1n << COUNT_BITS) - 1n;
const TAG_MASK = 2 ** 20 - 1;
/** Window starts are kept as milliseconds modulo 2^24, which is 4.7 hours. */
const CLOCK = 2 ** 24;
const WINDOW_MS = WINDOW_SECONDS * 1000;

/**
 * At most so many requests a second for each caller, in fixed windows that start with a caller's first request: a burst
 * across the end of one window and the start of the next may reach twice the rate. A batch counts as one request.
 *
 * All acceptors count in one table of shared memory, without a lock and without asking another thread.
 *
 *     table:   | buckets of addresses, 8 words each | buckets of keys | shared counters |
 *     word:    | tag of the caller: 20 bits | start of its window, ms: 24 | requests in it: 20 |      all 0: free
 *
 * A word changes as a whole (compare-and-exchange), so no window permits more than the limit. Two things are not exact:
 * two acceptors that open a caller's next window in the same instant may take a word each, and the requests counted in
 * one of them, those of that instant, are counted no more; of two callers of one bucket one in a million has the
 * other's tag, and shares its count.
 */
export class RateLimiter {
  readonly #table: BigUint64Array;
  readonly #requestsPerSecond: number;

  /** 1 MiB, of which only what callers use becomes resident. */
  static table(): BigUint64Array {
    return new BigUint64Array(new SharedArrayBuffer(8 * (WORDS + SHARED_COUNTERS)));
  }

  /** @param requestsPerSecond a whole number, 1 to 1,000,000 */
  constructor(table: BigUint64Array, requestsPerSecond: number) {
    this.#table = table;
    this.#requestsPerSecond = requestsPerSecond;
  }

  /**
   * Counts one request of a caller with a key.
   * @returns 0 where it is permitted; else the seconds to wait, for `Retry-After`
   */
  takeKey(id: string): number {
    return this.#take(id, KEYS);
  }

  /**
   * Counts one request of a caller known by address only. Addresses of one IPv6 network (/64) count as one caller.
   * @param address IPv4 or IPv6, as text
   * @returns 0 where it is permitted; else the seconds to wait, for `Retry-After`
   */
  takeAddress(address: string): number {
    return this.#take(addressGroup(address), ADDRESSES);
  }

  #take(caller: string, buckets: Buckets): number {
    const hash = finalized(fnv1a(FNV_OFFSET, caller));
    const tag = finalized(fnv1a(hash, caller)) & TAG_MASK;
    const bucket = buckets.first + (hash & (buckets.count - 1));
    for (;;) {
      const now = monotonicMs();
      const at = this.#slot(bucket * WAYS, tag, now) ?? WORDS + ((hash >>> 22) % SHARED_COUNTERS);
      const word = Atomics.load(this.#table, at);
      // Between the search and here the word may have become another caller's.
      const shared = at >= WORDS;
      if (isLive(word, now)) {
        if (!shared && tagOf(word) !== tag) continue;
        if (Number(word & COUNT_MASK) >= this.#requestsPerSecond) return WINDOW_SECONDS;
        if (Atomics.compareExchange(this.#table, at, word, word + 1n) === word) return 0;
      } else if (
        Atomics.compareExchange(this.#table, at, word, (BigInt(tag * CLOCK + now) << COUNT_BITS) | 1n) === word
      )
        return 0;
    }
  }

  /** Where a caller counts: its word, else one that nobody uses now; undefined where the bucket is full. */
  #slot(first: number, tag: number, now: number): number | undefined {
    let unused: number | undefined;
    for (let at = first; at < first + WAYS; at++) {
      const word = Atomics.load(this.#table, at);
      if (word !== 0n && tagOf(word) === tag) return at;
      if (unused === undefined && !isLive(word, now)) unused = at;
    }
    return unused;
  }
}

function tagOf(word: bigint): number {
  return Math.floor(Number(word >> COUNT_BITS) / CLOCK);
}

function isLive(word: bigint, now: number): boolean {
  if (word === 0n) return false;
  const age = (now - (Number(word >> COUNT_BITS) % CLOCK) + CLOCK) % CLOCK;
  // A word that another thread wrote after `now` was read looks nearly a whole round old.
  return age < WINDOW_MS || age > CLOCK - WINDOW_MS;
}

/** The same clock for all threads, which performance.now() is not. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.floor(nanoseconds / 1e6)) % CLOCK;
}
