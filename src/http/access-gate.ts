/** Access control at the socket: reads what a request presents, and answers those that are refused. */
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

  /** Refuses a scoring request without a valid key, or past the rate limit; call while `req` is alive. */
  refuseScoring(exchange: Exchange, req: HttpRequest, res: HttpResponse): boolean {
    const control = this.#control;
    if (control.isOpen) return false;
    const presented = control.asksForKey ? keyOf(req) : '';
    const refusal = control.scoring(presented, () => this.address(req, res));
    if (refusal === undefined) return false;
    exchange.refuse(refusal.code, refusal.options);
    return true;
  }

  /** The id of the admin key that a request presents; undefined where it has none, and is refused. */
  identifyAdmin(exchange: Exchange, req: HttpRequest, res: HttpResponse): string | undefined {
    const found = this.#control.admin(keyOf(req), () => this.address(req, res));
    if (typeof found === 'string') return found;
    exchange.refuse(found.code, found.options);
    return undefined;
  }

  /** Refuses where neither a scoring nor an admin key is presented. */
  refuseWithoutKey(exchange: Exchange, req: HttpRequest): boolean {
    const refusal = this.#control.anyKey(keyOf(req));
    if (refusal === undefined) return false;
    exchange.refuse(refusal.code, refusal.options);
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

function keyOf(req: HttpRequest): string {
  return presentedKey(req.getHeader('x-api-key'), req.getHeader('authorization'));
}
