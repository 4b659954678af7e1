/** Applies access control to HTTP requests: reads key and address from a request, and answers it if it is refused. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { AccessControl } from '../access/access-control.js';
import { addressFromBytes, clientAddress } from '../access/client-address.js';
import { presentedKey } from '../access/keys.js';
import type { Exchange } from './exchange.js';

export class AccessGate {
  readonly #control: AccessControl;
  readonly #proxies: number;

  /** @param trustedProxies TRUST_PROXY */
  constructor(control: AccessControl, trustedProxies: number) {
    this.#control = control;
    this.#proxies = trustedProxies;
  }

  /**
   * Refuses a scoring request that has no valid key or exceeds the rate limit. Call while `req` is valid.
   * @returns whether it was refused
   */
  refuseScoring(exchange: Exchange, req: HttpRequest, res: HttpResponse): boolean {
    const control = this.#control;
    if (control.isOpen) return false;
    const presented = control.requiresKey ? keyOf(req) : '';
    const refusal = control.scoring(presented, () => this.address(req, res));
    if (refusal === undefined) return false;
    exchange.refuse(refusal.code, refusal.options);
    return true;
  }

  /** Returns the id of the request's admin key; if it has no valid one, refuses the request and returns undefined. */
  identifyAdmin(exchange: Exchange, req: HttpRequest, res: HttpResponse): string | undefined {
    const found = this.#control.admin(keyOf(req), () => this.address(req, res));
    if (typeof found === 'string') return found;
    exchange.refuse(found.code, found.options);
    return undefined;
  }

  /**
   * Refuses a request that has neither a valid scoring key nor a valid admin key.
   * @returns whether it was refused
   */
  refuseWithoutKey(exchange: Exchange, req: HttpRequest): boolean {
    const refusal = this.#control.anyKey(keyOf(req));
    if (refusal === undefined) return false;
    exchange.refuse(refusal.code, refusal.options);
    return true;
  }

  /** The address of the client. Call while `req` is valid. */
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

function keyOf(req: HttpRequest): string {
  return presentedKey(req.getHeader('x-api-key'), req.getHeader('authorization'));
}
