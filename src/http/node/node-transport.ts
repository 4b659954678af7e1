/** HTTP by Node's own server: on every machine that runs Node, for about twice the CPU a request. */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type Server, type ServerOptions, type ServerResponse, createServer } from 'node:http';
import {
  type Server as TlsServer,
  type ServerOptions as TlsOptions,
  createServer as createTlsServer,
} from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { TlsFiles } from '../../config/check-tls.js';
import type { Config } from '../../config/config.js';
import { cannotListen } from '../listen-error.js';
import type { Handler, Method, Route } from '../route.js';
import type { ListenOptions, Transport, TransportHost } from '../transport.js';
import { NodeExchange, endingSockets } from './node-exchange.js';
import { NodeHead, targetOf } from './node-head.js';
import { Router } from './router.js';

const NO_PARAMETERS: readonly string[] = [];
const notFound: Handler = (exchange) => exchange.refuse('NOT_FOUND');
/** What a client gets whose request cannot be parsed, by Node's code for it. */
const STATUS_LINES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

export class NodeTransport implements Transport {
  readonly #server: Server;
  readonly #tls: Config['http']['tls'];
  readonly #tlsServer: TlsServer | undefined;
  /** How many requests of each connection have no whole answer yet. */
  readonly #unanswered = new Map<Socket, number>();

  constructor({ tls, maxHeaderBytes, keepAliveMs }: Config['http']) {
    const options: ServerOptions = {
      maxHeaderSize: maxHeaderBytes,
      keepAliveTimeout: keepAliveMs,
      // Bodies have a limit of their own; heads have `headersTimeout`.
      requestTimeout: 0,
    };
    this.#tls = tls;
    if (tls === undefined) this.#server = createServer(options);
    else {
      this.#tlsServer = createTlsServer({ ...options, ...readTls(tls) });
      this.#server = this.#tlsServer;
    }
  }

  reloadTls(): boolean {
    if (this.#tls !== undefined) this.#tlsServer?.setSecureContext(readTls(this.#tls));
    return true;
  }

  serve(routes: readonly Route[], host: TransportHost): void {
    const router = new Router(routes);
    const receive = (req: IncomingMessage, res: ServerResponse, awaitsContinue: boolean): void => {
      // What follows a last answer is nobody's request.
      if (endingSockets.has(req.socket)) return;
      this.#follow(req.socket, res);
      const target = targetOf(req.url ?? '/');
      const { route, parameters } = router.find(target.path) ?? { route: undefined, parameters: NO_PARAMETERS };
      host.opened();
      const exchange = new NodeExchange({ req, res, awaitsContinue }, route?.path ?? 'other', host);
      host.receive(exchange, new NodeHead(req, target, parameters), handlerOf(route, req.method));
    };
    const server = this.#server;
    server.on('request', (req: IncomingMessage, res: ServerResponse) => receive(req, res, false));
    server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => receive(req, res, true));
    // Refused by the server of requests, in its own words.
    server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => receive(req, res, false));
    server.on('connection', (socket: Socket) => {
      if (host.connected()) socket.once('close', () => host.disconnected());
      else socket.destroy();
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      refuseMalformed(error, socket, host);
    });
  }

  async listen({ host, port, shared }: ListenOptions): Promise<number> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(cannotListen({ host, port }, error)));
      server.listen({ host, port, exclusive: true, ...(shared && { reusePort: true }) }, () => {
        server.removeAllListeners('error');
        resolve();
      });
    });
    return (server.address() as AddressInfo).port;
  }

  stopListening(): void {
    // The HTTP server's own `close` takes a connection for idle whose answer is still on its way.
    NetServer.prototype.close.call(this.#server);
    // A connection that is idle would keep its client from noticing that the server goes.
    for (const [socket, unanswered] of this.#unanswered) if (unanswered === 0) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Counts an answer as under way until the system has taken it, or the connection has ended. */
  #follow(socket: Socket, res: ServerResponse): void {
    const all = this.#unanswered;
    const before = all.get(socket);
    if (before === undefined) socket.once('close', () => all.delete(socket));
    all.set(socket, (before ?? 0) + 1);
    res.once('close', () => {
      const unanswered = all.get(socket);
      if (unanswered !== undefined) all.set(socket, unanswered - 1);
    });
  }
}

function readTls({ certFile, keyFile, clientCaFile }: TlsFiles): TlsOptions {
  return {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ...(clientCaFile !== undefined && {
      ca: readFileSync(clientCaFile),
      requestCert: true,
      rejectUnauthorized: true,
    }),
  };
}

function handlerOf(route: Route | undefined, method: string | undefined): Handler {
  if (route === undefined) return notFound;
  if (route.methods.includes(method as Method)) return route.handle;
  return (exchange) => exchange.refuse('METHOD_NOT_ALLOWED', { allow: route.methods });
}

/** Answers what is no request, counts it, and ends the connection. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket, host: TransportHost): void {
  if (endingSockets.has(socket)) return;
  const code = error.code ?? 'unknown';
  // The client is gone: nothing was malformed.
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  host.malformed({ reason: code, address: socket.remoteAddress ?? '' });
  const status = STATUS_LINES[code] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
