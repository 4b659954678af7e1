/** RATE_LIMIT: limits the requests per second of each caller, counted over all acceptors. */
import { FNV_OFFSET, finalized, fnv1a } from '../hash.js';
import { addressGroup } from './client-address.js';

/** The length of the window in which RATE_LIMIT counts, in seconds. */
export const WINDOW_SECONDS = 1;

/** How many callers whose hashes fall into the same bucket are counted separately. */
const WAYS = 8;
/** Part of the table: its first bucket, and how many there are (a power of two). */
interface Buckets {
  readonly first: number;
  readonly count: number;
}
/** 131,072 addresses. They have their own buckets, so that many addresses cannot displace keys. */
const ADDRESSES: Buckets = { first: 0, count: 16_384 };
const KEYS: Buckets = { first: ADDRESSES.count, count: 1024 };
const WORDS = WAYS * (ADDRESSES.count + KEYS.count);
/** Callers whose bucket is full share this many counters, which follow the buckets. */
const SHARED_COUNTERS = 1024;

const COUNT_BITS = 20n;
const COUNT_MASK = (1n << COUNT_BITS) - 1n;
const TAG_MASK = 2 ** 20 - 1;
/** The start of a window is stored in milliseconds modulo 2^24, which is 4.7 hours. */
const CLOCK = 2 ** 24;
const WINDOW_MS = WINDOW_SECONDS * 1000;

/**
 * Limits the requests per second of each caller, in fixed windows that start with the caller's first request. A burst
 * at the end of one window and the start of the next may therefore reach twice the rate. A batch counts as one request.
 *
 * All acceptors count in one table of shared memory, without locks and without messages between threads.
 *
 *     table:   | buckets of addresses, 8 words each | buckets of keys | shared counters |
 *     word:    | tag of the caller: 20 bits | start of its window, ms: 24 | requests in it: 20 |      all 0: free
 *
 * A word changes as a whole (compare-and-exchange), so none permits more than the limit in its window. A caller's count
 * is inexact in three cases. If two acceptors open a caller's next window at the same instant, each may take a word of
 * its own; later requests count in only one of them, so the requests of that instant in the other word are not counted.
 * Two callers of the same bucket have the same tag, and share one count, with a probability of one in a million. And
 * callers whose bucket is full share a counter with others.
 */
export class RateLimiter {
  readonly #table: BigUint64Array;
  readonly #requestsPerSecond: number;

  /** Creates a table of 1 MiB, of which only the pages that callers use become resident. */
  static table(): BigUint64Array {
    return new BigUint64Array(new SharedArrayBuffer(8 * (WORDS + SHARED_COUNTERS)));
  }

  /** @param requestsPerSecond a whole number, 1 to 1,000,000 */
  constructor(table: BigUint64Array, requestsPerSecond: number) {
    this.#table = table;
    this.#requestsPerSecond = requestsPerSecond;
  }

  /**
   * Counts one request of a caller that has a key.
   * @returns 0 if it is permitted; else the seconds to wait, for `Retry-After`
   */
  takeKey(id: string): number {
    return this.#take(id, KEYS);
  }

  /**
   * Counts one request of a caller that is known only by its address. An IPv6 network (/64) counts as one caller.
   * @param address IPv4 or IPv6, as text
   * @returns 0 if it is permitted; else the seconds to wait, for `Retry-After`
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
      // Since the search, another thread may have given the word to another caller.
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

  /** Returns the index of the caller's word, or else of an unused one; undefined if the bucket is full. */
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
  // If another thread wrote the word after `now` was read, its age seems to be nearly the whole 2^24 ms.
  return age < WINDOW_MS || age > CLOCK - WINDOW_MS;
}

/** Milliseconds of a clock that all threads share; performance.now() differs between threads. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.floor(nanoseconds / 1e6)) % CLOCK;
}
