/** HTTP by uWebSockets.js: several times less CPU a request than Node's own server. */
import { createRequire } from 'node:module';
import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import type { Config } from '../../config/config.js';
import type { Handler, Method, Route } from '../route.js';
import type { ListenOptions, Transport, TransportHost } from '../transport.js';
import { cannotListen, listenError } from '../listen-error.js';
import { UwsExchange } from './uws-exchange.js';
import { UwsHead } from './uws-head.js';

/**
 * Required, because Node 20 ends the process where an imported CommonJS module throws, even if the import is caught:
 * the other transport would never have its turn.
 */
const uWS: typeof import('uWebSockets.js') = createRequire(import.meta.url)('uWebSockets.js');

// uWebSockets.js has these and this form of listen at run time; its types leave them out.
const LISTEN_SHARED = 0;
const LISTEN_EXCLUSIVE = 1;
interface ListeningApp {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): void;
}

/** uWebSockets.js answers this one with a 100 itself. */
const KNOWN_EXPECTATION = '100-continue';
const APP_METHODS = { GET: 'get', HEAD: 'head', POST: 'post', PUT: 'put', DELETE: 'del' } as const;

export class UwsTransport implements Transport {
  readonly #app: TemplatedApp;
  readonly #head = new UwsHead();
  #socket: us_listen_socket | undefined;

  constructor({ tls }: Config['http']) {
    this.#app =
      tls === undefined ? uWS.App() : uWS.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
  }

  serve(routes: readonly Route[], host: TransportHost): void {
    const receive = (route: string, handler: Handler, method?: Method) => {
      return (res: HttpResponse, req: HttpRequest): void => {
        const head = this.#head.of(req);
        const { expectation } = head;
        const awaitsContinue = expectation !== '' && expectation !== KNOWN_EXPECTATION;
        const withoutBody = method === undefined ? req.getMethod() === 'head' : method === 'HEAD';
        host.opened();
        const exchange = new UwsExchange(res, route, host, { withoutBody, awaitsContinue });
        host.receive(exchange, head, handler);
        exchange.handled();
      };
    };
    // A connection that is closed here is reported as closed, too.
    let refusing = false;
    this.#app.filter((res, change) => {
      if (refusing) return;
      if (Number(change) < 0) host.disconnected();
      else if (!host.connected()) {
        refusing = true;
        res.close();
        refusing = false;
      }
    });
    for (const { path, methods, handle } of routes) {
      for (const method of methods) this.#app[APP_METHODS[method]](path, receive(path, handle, method));
      this.#app.any(
        path,
        receive(path, (exchange) => exchange.refuse('METHOD_NOT_ALLOWED', { allow: methods })),
      );
    }
    this.#app.any(
      '/*',
      receive('other', (exchange) => exchange.refuse('NOT_FOUND')),
    );
  }

  async listen({ host, port, shared }: ListenOptions): Promise<number> {
    // Without the exclusive option a second server started by mistake would silently take half of the traffic.
    const options = shared ? LISTEN_SHARED : LISTEN_EXCLUSIVE;
    const socket = await new Promise<us_listen_socket | false>((resolve) => {
      (this.#app as unknown as ListeningApp).listen(host, port, options, resolve);
    });
    // uWebSockets.js does not say why.
    if (socket === false) throw cannotListen({ host, port }, await listenError({ host, port }));
    this.#socket = socket;
    return uWS.us_socket_local_port(socket);
  }

  reloadTls(): boolean {
    return false;
  }

  stopListening(): void {
    if (this.#socket !== undefined) uWS.us_listen_socket_close(this.#socket);
    this.#socket = undefined;
  }

  close(): void {
    this.stopListening();
    this.#app.close();
  }
}
