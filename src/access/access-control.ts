/** Decides from the key and the address of a request whether it is allowed: API keys first, then the rate limit. */
import type { ProblemCode, ProblemOptions } from '../contract/problem.js';
import type { ApiKey } from './keys.js';
import { KeyRing } from './keys.js';
import type { RateLimiter } from './rate-limiter.js';

/** Why a request is refused. */
export interface Refusal {
  readonly code: Extract<ProblemCode, 'RATE_LIMITED' | 'FORBIDDEN' | 'UNAUTHENTICATED'>;
  readonly options: ProblemOptions;
  /** The id of a key that is valid, but not here. */
  readonly otherKey?: string;
}

export interface AccessKeys {
  readonly apiKeys: readonly ApiKey[];
  readonly adminApiKeys: readonly ApiKey[];
}

export class AccessControl {
  #scoring: KeyRing;
  #admin: KeyRing;
  readonly #limiter: RateLimiter | undefined;

  /** @param limiter undefined if RATE_LIMIT is off */
  constructor({ apiKeys, adminApiKeys }: AccessKeys, limiter: RateLimiter | undefined) {
    this.#scoring = new KeyRing(apiKeys);
    this.#admin = new KeyRing(adminApiKeys);
    this.#limiter = limiter;
  }

  /** Other keys hold from here on. */
  replaceKeys({ apiKeys, adminApiKeys }: AccessKeys): void {
    this.#scoring = new KeyRing(apiKeys);
    this.#admin = new KeyRing(adminApiKeys);
  }

  /** Whether every scoring request is allowed, with or without a key. */
  get isOpen(): boolean {
    return this.#scoring.isEmpty && this.#limiter === undefined;
  }

  /** Whether scoring requests must present a key. */
  get requiresKey(): boolean {
    return !this.#scoring.isEmpty;
  }

  /**
   * Checks a scoring request.
   * @param presented the key in the request; empty without one
   * @param address returns the address of the client; called only if it is needed
   * @returns why the request is refused; undefined if it is allowed
   */
  scoring(presented: string, address: () => string): Refusal | undefined {
    if (this.#scoring.isEmpty) return this.#limited(this.#limiter?.takeAddress(address()));
    const id = presented === '' ? undefined : this.#scoring.identify(presented);
    // Admin keys are valid only for admin routes.
    return id === undefined
      ? this.#unknown(presented, this.#admin, address)
      : this.#limited(this.#limiter?.takeKey(id));
  }

  /** Checks a request of an admin route: returns the id of its admin key, or why it is refused. */
  admin(presented: string, address: () => string): string | Refusal {
    const id = presented === '' ? undefined : this.#admin.identify(presented);
    return id ?? this.#unknown(presented, this.#scoring, address);
  }

  /** Checks a request that needs a key of either kind: returns why it is refused; undefined if it is allowed. */
  anyKey(presented: string, address: () => string): Refusal | undefined {
    const id = presented === '' ? undefined : (this.#scoring.identify(presented) ?? this.#admin.identify(presented));
    return id === undefined ? this.#unknown(presented, undefined, address) : undefined;
  }

  /** @param others keys that are valid, but not for this request; undefined where every key is valid for it */
  #unknown(presented: string, others: KeyRing | undefined, address: () => string): Refusal {
    // Requests without a valid key count against the rate limit of their address, which slows down guessing of keys.
    const limited = this.#limited(this.#limiter?.takeAddress(address()));
    if (limited !== undefined) return limited;
    const otherKey = presented === '' ? undefined : others?.identify(presented);
    if (otherKey !== undefined) return { code: 'FORBIDDEN', options: {}, otherKey };
    return { code: 'UNAUTHENTICATED', options: { keyRejected: presented !== '' } };
  }

  #limited(seconds = 0): Refusal | undefined {
    return seconds === 0 ? undefined : { code: 'RATE_LIMITED', options: { retryAfterSeconds: seconds } };
  }
}
