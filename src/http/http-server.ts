/** A server of HTTP requests over one transport: what holds for every request, its counts, and draining. */
import type { Config } from '../config/config.js';
import type { Exchange, RefusedRequest } from './exchange.js';
import { headFault } from './head-fault.js';
import type { RequestHead } from './request-head.js';
import { marksOf } from './request-marks.js';
import type { Handler, Route } from './route.js';
import type { Transport, TransportHost } from './transport.js';

/** Counts what happens, and reports what could not be answered. */
export interface RequestObserver {
  answered(route: string, status: number): void;
  refused(refusal: RefusedRequest): void;
  /** A request could not be answered, for a fault of the server's own. */
  failed(error: unknown, route: string, requestId: string): void;
  connectionOpened(): void;
  connectionClosed(): void;
  /** MAX_CONNECTIONS are open. */
  connectionRefused(): void;
  /** The parser refused what came on a connection. */
  malformed(reason: string, address: string): void;
}

export class HttpServer implements TransportHost {
  readonly #transport: Transport;
  readonly #config: Config['http'];
  readonly #observer: RequestObserver;
  #port = 0;
  #draining = false;
  #connections = 0;
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;

  constructor(transport: Transport, config: Config['http'], observer: RequestObserver) {
    this.#transport = transport;
    this.#config = config;
    this.#observer = observer;
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

  /** Takes no new connections and resolves when every request under way has its answer. */
  async drained(): Promise<void> {
    this.#transport.stopListening();
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  /** Closes every connection, answered or not. */
  close(): void {
    this.#transport.close();
  }

  connected(): boolean {
    if (this.#connections >= this.#config.maxConnections) {
      this.#observer.connectionRefused();
      return false;
    }
    this.#connections++;
    this.#observer.connectionOpened();
    return true;
  }

  disconnected(): void {
    this.#connections--;
    this.#observer.connectionClosed();
  }

  malformed(reason: string, address: string): void {
    this.#observer.malformed(reason, address);
  }

  opened(): void {
    this.#inFlight++;
  }

  receive(exchange: Exchange, head: RequestHead, handler: Handler): void {
    try {
      exchange.mark(marksOf(exchange, head, this.#config));
      const fault = headFault(head);
      if (fault === undefined) handler(exchange, head);
      else exchange.refuse(fault);
    } catch (error) {
      exchange.fail(error);
    }
  }

  answered(route: string, status: number): void {
    this.#observer.answered(route, status);
  }

  refused(refusal: RefusedRequest): void {
    this.#observer.refused(refusal);
  }

  failed(error: unknown, route: string, requestId: string): void {
    this.#observer.failed(error, route, requestId);
  }

  exchangeFinished(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#whenIdle?.();
  }
}
