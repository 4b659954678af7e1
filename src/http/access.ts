/** Who may call: API keys, then the rate limit. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Config } from '../config/config.js';
import { addressFromBytes, clientAddress } from '../access/client-address.js';
import type { Exchange } from './exchange.js';
import { KeyRing, presentedKey } from '../access/keys.js';
import type { RateLimit } from '../access/rate-limit.js';

export class Access {
  readonly #scoring: KeyRing;
  readonly #admin: KeyRing;
  readonly #proxies: number;

  /** @param limiter of this acceptor, or one that all of them share; undefined where RATE_LIMIT is off */
  constructor(
    { access, http }: Config,
    private readonly limiter: RateLimit | undefined,
  ) {
    this.#scoring = new KeyRing(access.apiKeys);
    this.#admin = new KeyRing(access.adminApiKeys);
    this.#proxies = http.trustedProxies;
  }

  /** Refuses a scoring request without a valid key, or past the rate limit; call while `req` is alive. */
  refuseScoring(exchange: Exchange, req: HttpRequest, res: HttpResponse): boolean {
    if (this.#scoring.isEmpty && this.limiter === undefined) return false;
    let key: string | undefined;
    if (!this.#scoring.isEmpty) {
      const presented = presentedKey(req.getHeader('x-api-key'), req.getHeader('authorization'));
      key = presented === '' ? undefined : this.#scoring.identify(presented);
      if (key === undefined) {
        // Guesses count against their address, so that keys cannot be tried at full speed.
        const wait = this.limiter?.takeAddress(this.address(req, res)) ?? 0;
        if (wait > 0) {
          exchange.refuse('RATE_LIMITED', { retryAfterSeconds: wait });
          return true;
        }
        // A key of the admin's opens the admin routes only.
        if (presented !== '' && this.#admin.identify(presented) !== undefined) exchange.refuse('FORBIDDEN');
        else exchange.refuse('UNAUTHENTICATED', { keyRejected: presented !== '' });
        return true;
      }
    }
    if (this.limiter === undefined) return false;
    const wait = key === undefined ? this.limiter.takeAddress(this.address(req, res)) : this.limiter.takeKey(key);
    if (wait === 0) return false;
    exchange.refuse('RATE_LIMITED', { retryAfterSeconds: wait });
    return true;
  }

  /** The id of the admin key that a request presents; undefined where it has none, and is refused. */
  identifyAdmin(exchange: Exchange, req: HttpRequest, res: HttpResponse): string | undefined {
    const presented = presentedKey(req.getHeader('x-api-key'), req.getHeader('authorization'));
    const id = presented === '' ? undefined : this.#admin.identify(presented);
    if (id !== undefined) return id;
    // Guesses count against their address.
    const wait = this.limiter?.takeAddress(this.address(req, res)) ?? 0;
    if (wait > 0) exchange.refuse('RATE_LIMITED', { retryAfterSeconds: wait });
    else if (presented !== '' && this.#scoring.identify(presented) !== undefined) exchange.refuse('FORBIDDEN');
    else exchange.refuse('UNAUTHENTICATED', { keyRejected: presented !== '' });
    return undefined;
  }

  /** Refuses where neither a scoring nor an admin key is presented. */
  refuseWithoutKey(exchange: Exchange, req: HttpRequest): boolean {
    const presented = presentedKey(req.getHeader('x-api-key'), req.getHeader('authorization'));
    if (presented !== '' && (this.#scoring.identify(presented) ?? this.#admin.identify(presented)) !== undefined)
      return false;
    exchange.refuse('UNAUTHENTICATED', { keyRejected: presented !== '' });
    return true;
  }

  /** The address a request comes from; call while `req` is alive. */
  address(req: HttpRequest, res: HttpResponse): string {
    const socket = addressFromBytes(new Uint8Array(res.getRemoteAddress()));
    if (this.#proxies === 0) return socket;
    const forwarded: string[] = [];
    req.forEach((name, value) => {
      if (name === 'x-forwarded-for') forwarded.push(value);
    });
    return clientAddress(socket, forwarded.join(), this.#proxies);
  }
}
