/**
 * One uWebSockets.js server: its listening socket, its connections, and the dispatch of requests to routes. It defines
 * no routes and has no global state, so a process can run several.
 */
import uWS from 'uWebSockets.js';
import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import type { Config } from '../config/config.js';
import type { ProblemCode } from '../contract/problem.js';
import { LightscoreError } from '../errors.js';
import { Exchange, type ExchangeHost } from './exchange.js';
import type { Route } from './route.js';

// The declared types of uWebSockets.js lack these options and this form of `listen`.
const LISTEN_SHARED = 0;
const LISTEN_EXCLUSIVE = 1;
interface ListeningApp {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): void;
}

interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly sharing: typeof LISTEN_SHARED | typeof LISTEN_EXCLUSIVE;
}

/** @throws LightscoreError CONFIG_INVALID if the port cannot be opened */
async function listenOn(app: TemplatedApp, { host, port, sharing }: ListenOptions): Promise<us_listen_socket> {
  const socket = await new Promise<us_listen_socket | false>((resolve) => {
    (app as unknown as ListeningApp).listen(host, port, sharing, resolve);
  });
  if (socket !== false) return socket;
  const why = 'another process may be using the port, or the address does not belong to this machine';
  throw new LightscoreError('CONFIG_INVALID', `cannot listen on ${host} port ${port}: ${why}`);
}

/**
 * Checks that no other process listens on a port that acceptors are about to share: they would not notice one that
 * shares it too.
 * @returns the port; a free one for 0
 * @throws LightscoreError CONFIG_INVALID if the port is in use or the address is not this machine's
 */
export async function probePort(host: string, port: number): Promise<number> {
  const socket = await listenOn(uWS.App(), { host, port, sharing: LISTEN_EXCLUSIVE });
  const found = uWS.us_socket_local_port(socket);
  uWS.us_listen_socket_close(socket);
  return found;
}

/** Receives every answer and every failure, to count and to log them. */
export interface RequestObserver {
  answered(route: string, status: number): void;
  refused(code: ProblemCode): void;
  /** A request failed because of an internal error. */
  failed(error: unknown, route: string, requestId: string): void;
}

const APP_METHODS = { GET: 'get', HEAD: 'head', POST: 'post', PUT: 'put', DELETE: 'del' } as const;

export class HttpServer implements ExchangeHost {
  readonly #app: TemplatedApp;
  readonly #config: Config['http'];
  readonly #observer: RequestObserver;
  #socket: us_listen_socket | undefined;
  #port = 0;
  #draining = false;
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;

  constructor(config: Config['http'], observer: RequestObserver) {
    const { tls } = config;
    this.#config = config;
    this.#observer = observer;
    this.#app =
      tls === undefined ? uWS.App() : uWS.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
  }

  /** The port that it listens on, also if the configured one is 0; 0 before `listen`. */
  get port(): number {
    return this.#port;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Registers `routes`; everything else is refused. Call once, before `listen`. */
  serve(routes: readonly Route[]): void {
    for (const route of routes) this.#add(route);
    this.#app.any('/*', (res, req) => this.#open(res, 'other', methodOf(req)).refuse('NOT_FOUND'));
  }

  /**
   * @param port the configured port by default
   * @throws LightscoreError CONFIG_INVALID if the port cannot be opened
   */
  async listen(port = this.#config.port): Promise<void> {
    const { host, acceptors } = this.#config;
    // If one acceptor shared its port, a second server started by mistake would silently take half of the traffic.
    const sharing = acceptors > 1 ? LISTEN_SHARED : LISTEN_EXCLUSIVE;
    const socket = await listenOn(this.#app, { host, port, sharing });
    this.#socket = socket;
    this.#port = uWS.us_socket_local_port(socket);
  }

  /** From now on each connection is closed after its answer. */
  startDraining(): void {
    this.#draining = true;
  }

  /** Stops accepting connections and resolves when every request in flight is answered. */
  async drained(): Promise<void> {
    this.#stopListening();
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  /** Closes every connection, answered or not. */
  close(): void {
    this.#stopListening();
    this.#app.close();
  }

  answered(route: string, status: number): void {
    this.#observer.answered(route, status);
  }

  refused(code: ProblemCode): void {
    this.#observer.refused(code);
  }

  failed(error: unknown, route: string, requestId: string): void {
    this.#observer.failed(error, route, requestId);
  }

  exchangeFinished(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  #stopListening(): void {
    if (this.#socket !== undefined) uWS.us_listen_socket_close(this.#socket);
    this.#socket = undefined;
  }

  #add({ path, methods, handle }: Route): void {
    for (const method of methods) {
      this.#app[APP_METHODS[method]](path, (res, req) => {
        const exchange = this.#open(res, path, method);
        try {
          handle(exchange, req, res);
        } catch (error) {
          exchange.fail(error);
        }
      });
    }
    this.#app.any(path, (res, req) =>
      this.#open(res, path, methodOf(req)).refuse('METHOD_NOT_ALLOWED', { allow: methods }),
    );
  }

  #open(res: HttpResponse, route: string, method: string): Exchange {
    this.#inFlight++;
    return new Exchange(res, route, this, method === 'HEAD');
  }
}

function methodOf(req: HttpRequest): string {
  return req.getMethod().toUpperCase();
}
