import { addressGroup } from './client-address.js';
import { type RateLimit, WINDOW_SECONDS } from './rate-limit.js';

/** Callers whose hashes fall into one bucket are counted apart up to so many; 131,072 in all. */
const WAYS = 8;
const BUCKETS = 16_384;
/** Callers for whom their bucket has no room share this many counters. */
const SHARED_COUNTERS = 1024;

const COUNT_BITS = 20n;
const COUNT_MASK = (1n << COUNT_BITS) - 1n;
const TAG_MASK = 2 ** 20 - 1;
/** Window starts are kept as milliseconds modulo 2^24, which is 4.7 hours. */
const CLOCK = 2 ** 24;
const WINDOW_MS = WINDOW_SECONDS * 1000;

/**
 * The same limit as `RateLimiter`, over all acceptors: they count in one table of shared memory, without a lock and
 * without asking anybody.
 *
 *     table:   | bucket 0: 8 words | bucket 1 | ... | shared counters |
 *     word:    | tag of the caller: 20 bits | start of its window, ms: 24 | requests in it: 20 |      all 0: free
 *
 * A word changes as a whole (compare-and-exchange), so no window permits more than the limit. What is not exact: two
 * acceptors that open a caller's next window in the same instant may take a word each, and the requests counted in one
 * of them, those of that instant, are counted no more; of two callers of one bucket one in a million has the other's
 * tag, and shares its count.
 */
export class SharedRateLimiter implements RateLimit {
  /** 1 MiB, of which only what callers use becomes resident. */
  static table(): BigUint64Array {
    return new BigUint64Array(new SharedArrayBuffer(8 * (BUCKETS * WAYS + SHARED_COUNTERS)));
  }

  /** @param requestsPerSecond a whole number, 1 to 1,000,000 */
  constructor(
    private readonly table: BigUint64Array,
    private readonly requestsPerSecond: number,
  ) {}

  takeKey(id: string): number {
    return this.#take(`key ${id}`);
  }

  takeAddress(address: string): number {
    return this.#take(`address ${addressGroup(address)}`);
  }

  #take(caller: string): number {
    const hash = mixed(0x811c9dc5, caller);
    const tag = mixed(hash, caller) & TAG_MASK;
    const bucket = hash & (BUCKETS - 1);
    for (;;) {
      const now = monotonicMs();
      const at = this.#slot(bucket * WAYS, tag, now) ?? BUCKETS * WAYS + ((hash >>> 22) % SHARED_COUNTERS);
      const word = Atomics.load(this.table, at);
      // Between the search and here the word may have become another caller's.
      const shared = at >= BUCKETS * WAYS;
      if (isLive(word, now)) {
        if (!shared && tagOf(word) !== tag) continue;
        if (Number(word & COUNT_MASK) >= this.requestsPerSecond) return WINDOW_SECONDS;
        if (Atomics.compareExchange(this.table, at, word, word + 1n) === word) return 0;
      } else if (Atomics.compareExchange(this.table, at, word, (BigInt(tag * CLOCK + now) << COUNT_BITS) | 1n) === word)
        return 0;
    }
  }

  /** Where a caller counts: its word, else one that nobody uses now; undefined where the bucket is full. */
  #slot(first: number, tag: number, now: number): number | undefined {
    let unused: number | undefined;
    for (let at = first; at < first + WAYS; at++) {
      const word = Atomics.load(this.table, at);
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

/** FNV-1a from `state` on, then MurmurHash3's finalizer. */
function mixed(state: number, text: string): number {
  let hash = state;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
