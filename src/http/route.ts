/** A route: a path, the methods it has, and what answers a request to it. */
import type { Exchange } from './exchange.js';
import type { RequestHead } from './request-head.js';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/**
 * Answers one request through `exchange`, now or later. `head` is valid until the handler returns; an exception becomes
 * a 500.
 */
export type Handler = (exchange: Exchange, head: RequestHead) => void;

export interface Route {
  /** Segments that begin with a colon are open: `/admin/models/:version`. */
  readonly path: string;
  readonly methods: readonly Method[];
  readonly handle: Handler;
}
