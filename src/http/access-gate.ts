/** Applies access control to HTTP requests: reads key and address from a request, and answers it if it is refused. */
import type { AccessControl, Refusal } from '../access/access-control.js';
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

  /**
   * Refuses a scoring request that has no valid key or exceeds the rate limit. Call while the handler runs.
   * @returns whether it was refused
   */
  refuseScoring(exchange: Exchange, head: RequestHead): boolean {
    const control = this.#control;
    if (control.isOpen) return false;
    const presented = control.requiresKey ? keyOf(head) : '';
    const refusal = control.scoring(presented, () => this.address(exchange, head));
    if (refusal === undefined) return false;
    exchange.refuse(refusal.code, refusal.options);
    return true;
  }

  /** Returns the id of the request's admin key; if it has no valid one, refuses the request and says what it had. */
  identifyAdmin(exchange: Exchange, head: RequestHead): { readonly id: string } | Refusal {
    const found = this.#control.admin(keyOf(head), () => this.address(exchange, head));
    if (typeof found === 'string') return { id: found };
    exchange.refuse(found.code, found.options);
    return found;
  }

  /**
   * Refuses a request that has neither a valid scoring key nor a valid admin key.
   * @returns whether it was refused
   */
  refuseWithoutKey(exchange: Exchange, head: RequestHead): boolean {
    const refusal = this.#control.anyKey(keyOf(head), () => this.address(exchange, head));
    if (refusal === undefined) return false;
    exchange.refuse(refusal.code, refusal.options);
    return true;
  }

  /** The address of the client. Call while the handler runs. */
  address(exchange: Exchange, head: RequestHead): string {
    const socket = exchange.remoteAddress;
    return this.#proxies === 0
      ? socket
      : clientAddress({ socketAddress: socket, forwardedFor: head.list('x-forwarded-for'), hops: this.#proxies });
  }
}

function keyOf(head: RequestHead): string {
  return presentedKey({ xApiKey: head.header('x-api-key'), authorization: head.header('authorization') });
}
