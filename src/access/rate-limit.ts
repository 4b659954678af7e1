import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { addressGroup } from './client-address.js';

/** The window that RATE_LIMIT counts in, in seconds. */
export const WINDOW_SECONDS = 1;

/** Different addresses that are counted apart within one window; about 0.5 KB each. */
const ADDRESSES = 50_000;

/** Further addresses of that window share this many counters. */
const SHARED_COUNTERS = 1024;

/** Counts requests of callers, and says how long one has to wait whose limit is used up. */
export interface RateLimit {
  /**
   * Counts one request of a caller with a key.
   * @returns 0 where it is permitted; else the seconds to wait, for `Retry-After`.
   */
  takeKey(id: string): number;
  /**
   * Counts one request of a caller known by address only. Addresses of one IPv6 network (/64) count as one caller.
   * @param address IPv4 or IPv6, in words.
   * @returns 0 where it is permitted; else the seconds to wait, for `Retry-After`.
   */
  takeAddress(address: string): number;
}

/**
 * At most so many requests a second for each caller, in fixed windows that start with a caller's first request: so a
 * burst across the seam of two windows may reach twice the rate. A batch counts as one request.
 *
 * The library counts, and answers by promise. `takeKey` and `takeAddress` answer at once all the same: they refuse
 * while they know the caller's window to be used up, which the library said when it answered the last permitted
 * request. That is exact as long as promises settle between two requests, as they do between two callbacks from the
 * event loop.
 */
export class RateLimiter implements RateLimit {
  readonly #limiter: RateLimiterMemory;
  /** When the window of a caller that has used it up ends (performance.now(), ms); about in the order of ending. */
  readonly #usedUp = new Map<string, number>();
  #addresses = 0;
  #addressesSince = 0;

  /** @param requestsPerSecond a whole number, at least 1. */
  constructor(requestsPerSecond: number) {
    this.#limiter = new RateLimiterMemory({ points: requestsPerSecond, duration: WINDOW_SECONDS });
  }

  takeKey(id: string): number {
    return this.#take(`key ${id}`);
  }

  takeAddress(address: string): number {
    const now = performance.now();
    if (now - this.#addressesSince >= WINDOW_SECONDS * 1000) {
      this.#addresses = 0;
      this.#addressesSince = now;
    }
    const group = addressGroup(address);
    return this.#take(this.#addresses < ADDRESSES ? `address ${group}` : `shared ${sharedCounter(group)}`);
  }

  #take(caller: string): number {
    const now = performance.now();
    const until = this.#usedUp.get(caller);
    if (until !== undefined) {
      // Without the millisecond that was added for the library's clock.
      if (until > now) return Math.max(1, Math.ceil((until - now - 1) / 1000));
      this.#usedUp.delete(caller);
    }
    const counted = (result: RateLimiterRes) => this.#counted(caller, result);
    this.#limiter.consume(caller).then(counted, counted);
    return 0;
  }

  #counted(caller: string, { isFirstInDuration, remainingPoints, msBeforeNext }: RateLimiterRes): void {
    if (isFirstInDuration) this.#addresses++;
    if (remainingPoints > 0) return;
    const now = performance.now();
    for (const [other, until] of this.#usedUp) {
      if (until > now) break;
      this.#usedUp.delete(other);
    }
    // A millisecond more, as the library's clock is whole milliseconds and ours is not.
    this.#usedUp.set(caller, now + msBeforeNext + 1);
  }
}

/** FNV-1a. */
function sharedCounter(group: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < group.length; i++) hash = Math.imul(hash ^ group.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % SHARED_COUNTERS;
}
