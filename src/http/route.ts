/** A route: a path, its methods, and the handler that answers requests to it. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Exchange } from './exchange.js';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/**
 * Answers one request through `exchange`, now or later. `req` is valid until the handler returns; an exception becomes
 * a 500.
 */
export type Handler = (exchange: Exchange, req: HttpRequest, res: HttpResponse) => void;

export interface Route {
  /** In the syntax of uWebSockets.js: `/admin/models/:version`. */
  readonly path: string;
  readonly methods: readonly Method[];
  readonly handle: Handler;
}
