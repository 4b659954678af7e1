/**
 * One uWebSockets.js server: its listening socket, its connections, and the dispatch of requests to routes. It knows
 * no route itself and holds no global state, so that there can be several.
 */
import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import type { Config } from '../config/config.js';
import type { ProblemCode } from '../contract/problem.js';
import { LightscoreError } from '../errors.js';
import { Exchange, type ExchangeHost } from './exchange.js';
import type { Route } from './route.js';
import { loadUWebSockets } from './uws.js';

// uWebSockets.js has these and this form of listen at run time; its types leave them out.
const LISTEN_SHARED = 0;
const LISTEN_EXCLUSIVE = 1;
interface ListeningApp {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): void;
}

/** @throws LightscoreError CONFIG_INVALID where the port cannot be had */
async function listenOn(app: TemplatedApp, host: string, port: number, options: number): Promise<us_listen_socket> {
  const socket = await new Promise<us_listen_socket | false>((resolve) => {
    (app as unknown as ListeningApp).listen(host, port, options, resolve);
  });
  if (socket !== false) return socket;
  const why = "another process may have it, or the address may not be this machine's";
  throw new LightscoreError('CONFIG_INVALID', `cannot listen on ${host} port ${port}: ${why}`);
}

/**
 * Makes sure that nobody listens on a port that acceptors are about to share: they would not notice a server that
 * shares it too.
 * @returns the port; a free one where 0 was asked for
 * @throws LightscoreError CONFIG_INVALID where somebody does, HTTP_UNAVAILABLE
 */
export async function probePort(host: string, port: number): Promise<number> {
  const uWS = loadUWebSockets();
  const socket = await listenOn(uWS.App(), host, port, LISTEN_EXCLUSIVE);
  const found = uWS.us_socket_local_port(socket);
  uWS.us_listen_socket_close(socket);
  return found;
}

/** Counts answers and reports what could not be answered. */
export interface RequestObserver {
  answered(route: string, status: number): void;
  refused(code: ProblemCode): void;
  /** A request could not be answered, for a fault of the server's own. */
  failed(error: unknown, route: string, requestId: string): void;
}

const APP_METHODS = { GET: 'get', HEAD: 'head', POST: 'post', PUT: 'put', DELETE: 'del' } as const;

export class HttpServer implements ExchangeHost {
  readonly #uWS: ReturnType<typeof loadUWebSockets>;
  readonly #app: TemplatedApp;
  readonly #config: Config['http'];
  readonly #observer: RequestObserver;
  #socket: us_listen_socket | undefined;
  #port = 0;
  #draining = false;
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;

  /** @throws LightscoreError HTTP_UNAVAILABLE */
  constructor(config: Config['http'], observer: RequestObserver) {
    const { tls } = config;
    this.#config = config;
    this.#observer = observer;
    this.#uWS = loadUWebSockets();
    this.#app =
      tls === undefined
        ? this.#uWS.App()
        : this.#uWS.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
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
    for (const route of routes) this.#add(route);
    this.#app.any('/*', (res, req) => this.#open(res, 'other', methodOf(req)).refuse('NOT_FOUND'));
  }

  /**
   * @param port by default as configured
   * @throws LightscoreError CONFIG_INVALID where the port cannot be had
   */
  async listen(port = this.#config.port): Promise<void> {
    const { host, acceptors } = this.#config;
    // Without this option a second server started by mistake would silently take half of the traffic.
    const options = acceptors > 1 ? LISTEN_SHARED : LISTEN_EXCLUSIVE;
    const socket = await listenOn(this.#app, host, port, options);
    this.#socket = socket;
    this.#port = this.#uWS.us_socket_local_port(socket);
  }

  /** From now on connections are closed behind their answers. */
  startDraining(): void {
    this.#draining = true;
  }

  /** Takes no new connections and resolves when every request under way has its answer. */
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

  over(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  #stopListening(): void {
    if (this.#socket !== undefined) this.#uWS.us_listen_socket_close(this.#socket);
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
