/** A server of HTTP requests over one transport: what holds for every request, its counts, and draining. */
import type { Config } from '../config/config.js';
import type { Quota } from '../scoring/quota.js';
import type { Exchange, FailedRequest, RefusedRequest } from './exchange.js';
import { CorsPolicy } from './cors.js';
import { headFault } from './head-fault.js';
import type { RequestHead } from './request-head.js';
import { type MarkOptions, marksOf } from './request-marks.js';
import type { Handler, Method, Route } from './route.js';
import type { MalformedBytes, Transport, TransportHost } from './transport.js';

/** A connection that was made just before the port closed may have its first request on the way for so long. */
const FIRST_REQUEST_MS = 100;
/** How long the port stays open at most for a turn of the event loop in which no connection comes. */
const QUIET_TURN_MS = 500;
/** Both are at most this share of the time to drain. */
const WAIT_SHARE = 0.1;
/** No connection can have come unseen in a turn of the event loop that is shorter, but by chance. */
const SHORT_TURN_MS = 0.2;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Counts what happens, and reports what could not be answered. */
export interface RequestObserver {
  answered(route: string, status: number): void;
  refused(refusal: RefusedRequest): void;
  /** A request could not be answered, for a fault of the server's own. */
  failed(failure: FailedRequest): void;
  connectionOpened(): void;
  connectionClosed(): void;
  /** MAX_CONNECTIONS are open. */
  connectionRefused(): void;
  /** The parser refused what came on a connection. */
  malformed(bytes: MalformedBytes): void;
}

export class HttpServer implements TransportHost {
  readonly #transport: Transport;
  readonly #config: Config['http'];
  readonly #observer: RequestObserver;
  readonly #connectionQuota: Quota;
  readonly #cors: CorsPolicy;
  readonly #markOptions: MarkOptions;
  readonly #methods = new Map<string, readonly Method[]>();
  #port = 0;
  #draining = false;
  /** Every request has its answer, and every connection closes in this turn of the event loop. */
  #ended = false;
  #inFlight = 0;
  /** Connections so far. */
  #connections = 0;
  #whenIdle: (() => void) | undefined;

  /** @param connections limits those of this server, or of several together */
  constructor(transport: Transport, config: Config['http'], connections: Quota, observer: RequestObserver) {
    this.#transport = transport;
    this.#config = config;
    this.#observer = observer;
    this.#connectionQuota = connections;
    this.#cors = new CorsPolicy(config.corsOrigins);
    this.#markOptions = { compress: config.compress, trustedProxies: config.trustedProxies, cors: this.#cors };
  }

  /** The port listened on, also where 0 was asked for. */
  get port(): number {
    return this.#port;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Answers `routes`, and refuses everything else. Call once, before `listen`. */
  serve(routes: readonly Route[]): void {
    for (const { path, methods } of routes) this.#methods.set(path, methods);
    this.#transport.serve(routes, this);
  }

  /**
   * @param port by default as configured
   * @throws LightscoreError CONFIG_INVALID where the port cannot be had
   */
  async listen(port = this.#config.port): Promise<void> {
    const { host, acceptors } = this.#config;
    this.#port = await this.#transport.listen({ host, port, shared: acceptors > 1 });
  }

  /** From now on connections are closed behind their answers. */
  startDraining(): void {
    this.#draining = true;
  }

  /**
   * Takes no new connections, and resolves when every request under way has its answer. By then every connection is
   * closed: a request that came later would be scored and logged, and lose its answer when the server ends.
   */
  async drained(): Promise<void> {
    const share = this.#config.drainTimeoutMs * WAIT_SHARE;
    await this.#quietTurn(Math.min(QUIET_TURN_MS, share));
    this.#transport.stopListening();
    await new Promise((resolve) => setTimeout(resolve, Math.min(FIRST_REQUEST_MS, share)));
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    this.#ended = true;
    this.#transport.close();
  }

  /**
   * Resolves right behind a short turn of the event loop in which no connection came, at the latest after
   * `milliseconds`: a socket that stops listening resets the connections that it has not taken yet.
   */
  async #quietTurn(milliseconds: number): Promise<void> {
    const began = performance.now();
    for (let turn = began; ;) {
      const connections = this.#connections;
      await nextTurn();
      const now = performance.now();
      const isQuiet = now - turn < SHORT_TURN_MS && connections === this.#connections;
      if (isQuiet || now - began > milliseconds) return;
      turn = now;
    }
  }

  /** As `Transport.reloadTls`. */
  reloadTls(): boolean {
    return this.#transport.reloadTls();
  }

  /** Closes every connection, answered or not. */
  close(): void {
    this.#transport.close();
  }

  connected(): boolean {
    if (!this.#connectionQuota.take(1)) {
      this.#observer.connectionRefused();
      return false;
    }
    this.#connections++;
    this.#observer.connectionOpened();
    return true;
  }

  disconnected(): void {
    this.#connectionQuota.give(1);
    this.#observer.connectionClosed();
  }

  malformed(bytes: MalformedBytes): void {
    this.#observer.malformed(bytes);
  }

  opened(): void {
    this.#inFlight++;
  }

  receive(exchange: Exchange, head: RequestHead, handler: Handler): void {
    if (this.#ended) return;
    try {
      exchange.mark(marksOf(exchange, head, this.#markOptions));
      const fault = headFault(head);
      if (fault !== undefined) exchange.refuse(fault);
      else if (!this.#cors.isOff && this.#cors.isPreflight(head)) this.#answerPreflight(exchange, head, handler);
      else handler(exchange, head);
    } catch (error) {
      exchange.fail(error);
    }
  }

  /** Tells a browser what a page may send to a route; routes that no page may use are answered as without CORS. */
  #answerPreflight(exchange: Exchange, head: RequestHead, handler: Handler): void {
    const methods = this.#methods.get(exchange.route);
    if (methods === undefined || exchange.route.startsWith('/admin')) handler(exchange, head);
    else exchange.send('204 No Content', '', this.#cors.preflightHeaders(methods, head));
  }

  answered(route: string, status: number): void {
    this.#observer.answered(route, status);
  }

  refused(refusal: RefusedRequest): void {
    this.#observer.refused(refusal);
  }

  failed(failure: FailedRequest): void {
    this.#observer.failed(failure);
  }

  exchangeFinished(): void {
    this.#inFlight--;
    if (this.#inFlight > 0 || this.#whenIdle === undefined) return;
    // Before anything else comes: what waits for this goes on a little later.
    this.#ended = true;
    this.#whenIdle();
  }
}
