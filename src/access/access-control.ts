/** Who may call, decided from what a request presents: API keys, then the rate limit. */
import type { ProblemCode, ProblemOptions } from '../contract/problem.js';
import type { ApiKey } from './keys.js';
import { KeyRing } from './keys.js';
import type { RateLimiter } from './rate-limiter.js';

/** Why a request is refused. */
export interface Refusal {
  readonly code: Extract<ProblemCode, 'RATE_LIMITED' | 'FORBIDDEN' | 'UNAUTHENTICATED'>;
  readonly options: ProblemOptions;
}

export interface AccessKeys {
  readonly apiKeys: readonly ApiKey[];
  readonly adminApiKeys: readonly ApiKey[];
}

export class AccessControl {
  #scoring: KeyRing;
  #admin: KeyRing;
  readonly #limiter: RateLimiter | undefined;

  /** @param limiter undefined where RATE_LIMIT is off */
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

  /** Whether every scoring request may pass, whatever it presents. */
  get isOpen(): boolean {
    return this.#scoring.isEmpty && this.#limiter === undefined;
  }

  /** Whether scoring requests must present a key. */
  get asksForKey(): boolean {
    return !this.#scoring.isEmpty;
  }

  /**
   * @param presented the key; empty without one
   * @param address of the client; looked up only where it counts
   * @returns why a scoring request is refused; undefined where it may pass
   */
  scoring(presented: string, address: () => string): Refusal | undefined {
    if (this.#scoring.isEmpty) return this.#limited(this.#limiter?.takeAddress(address()));
    const id = presented === '' ? undefined : this.#scoring.identify(presented);
    // An admin key is valid for the admin routes only.
    return id === undefined
      ? this.#unknown(presented, this.#admin, address)
      : this.#limited(this.#limiter?.takeKey(id));
  }

  /** @returns the id of the admin key that was presented, or why there is none */
  admin(presented: string, address: () => string): string | Refusal {
    const id = presented === '' ? undefined : this.#admin.identify(presented);
    return id ?? this.#unknown(presented, this.#scoring, address);
  }

  /** @returns why a request that needs a key of either kind is refused; undefined where it may pass */
  anyKey(presented: string): Refusal | undefined {
    const id = presented === '' ? undefined : (this.#scoring.identify(presented) ?? this.#admin.identify(presented));
    return id === undefined ? unauthenticated(presented) : undefined;
  }

  /** @param others keys that are valid, but not for what was asked */
  #unknown(presented: string, others: KeyRing, address: () => string): Refusal {
    // Guesses count against their address, so that keys cannot be tried at full speed.
    const limited = this.#limited(this.#limiter?.takeAddress(address()));
    if (limited !== undefined) return limited;
    const isOther = presented !== '' && others.identify(presented) !== undefined;
    return isOther ? { code: 'FORBIDDEN', options: {} } : unauthenticated(presented);
  }

  #limited(seconds = 0): Refusal | undefined {
    return seconds === 0 ? undefined : { code: 'RATE_LIMITED', options: { retryAfterSeconds: seconds } };
  }
}

function unauthenticated(presented: string): Refusal {
  return { code: 'UNAUTHENTICATED', options: { keyRejected: presented !== '' } };
}
