/** Access control at the socket: reads what a request presents, and answers those that are refused. */
import type { AccessControl } from '../access/access-control.js';
import { clientAddress } from '../access/client-address.js';
import { presentedKey } from '../access/keys.js';
import type { Exchange } from './exchange.js';
import type { RequestHead } from './request-head.js';

export class AccessGate {
  readonly #control: AccessControl;
  readonly #proxies: number;

  /** @param trustedProxies TRUST_PROXY */
  constructor(control: AccessControl, trustedProxies: number) {
    this.#control = control;
    this.#proxies = trustedProxies;
  }

  /** Refuses a scoring request without a valid key, or past the rate limit; call while the handler runs. */
  refuseScoring(exchange: Exchange, head: RequestHead): boolean {
    const control = this.#control;
    if (control.isOpen) return false;
    const presented = control.asksForKey ? keyOf(head) : '';
    const refusal = control.scoring(presented, () => this.address(exchange, head));
    if (refusal === undefined) return false;
    exchange.refuse(refusal.code, refusal.options);
    return true;
  }

  /** The id of the admin key that a request presents; undefined where it has none, and is refused. */
  identifyAdmin(exchange: Exchange, head: RequestHead): string | undefined {
    const found = this.#control.admin(keyOf(head), () => this.address(exchange, head));
    if (typeof found === 'string') return found;
    exchange.refuse(found.code, found.options);
    return undefined;
  }

  /** Refuses where neither a scoring nor an admin key is presented. */
  refuseWithoutKey(exchange: Exchange, head: RequestHead): boolean {
    const refusal = this.#control.anyKey(keyOf(head));
    if (refusal === undefined) return false;
    exchange.refuse(refusal.code, refusal.options);
    return true;
  }

  /** The address a request comes from; call while the handler runs. */
  address(exchange: Exchange, head: RequestHead): string {
    const socket = exchange.remoteAddress;
    return this.#proxies === 0 ? socket : clientAddress(socket, head.list('x-forwarded-for'), this.#proxies);
  }
}

function keyOf(head: RequestHead): string {
  return presentedKey(head.header('x-api-key'), head.header('authorization'));
}
