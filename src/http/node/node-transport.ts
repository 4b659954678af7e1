/** HTTP by Node's own server: on every machine that runs Node, for about twice the CPU a request. */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type Server, type ServerOptions, ServerResponse, createServer } from 'node:http';
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
  HPE_INVALID_VERSION: '505 HTTP Version Not Supported',
};
/** Node's parser takes 0.9 and 2.0 too. */
const VERSIONS: readonly string[] = ['1.0', '1.1'];

/** What is under way on a connection. */
interface Traffic {
  /** Requests without a whole answer, the oldest first. */
  readonly unanswered: Set<IncomingMessage>;
  /** Waits until those are answered that were whole when something malformed came behind them. */
  whenAnswered: (() => void) | undefined;
}

export class NodeTransport implements Transport {
  readonly #server: Server;
  readonly #tls: Config['http']['tls'];
  readonly #tlsServer: TlsServer | undefined;
  readonly #traffic = new Map<Socket, Traffic>();

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
      if (!VERSIONS.includes(req.httpVersion)) {
        this.#refuseMalformed('HPE_INVALID_VERSION', req.socket, host);
        return;
      }
      this.#follow(req, res);
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
    // Node hands over the bare connection, and would close it if nobody listened.
    server.on('connect', (req: IncomingMessage, socket: Socket) => {
      const res = new ServerResponse(req);
      res.shouldKeepAlive = false;
      res.assignSocket(socket);
      res.once('finish', () => socket.destroySoon());
      socket.on('error', () => socket.destroy());
      socket.resume();
      receive(req, res, false);
    });
    server.on('connection', (socket: Socket) => {
      if (host.connected()) socket.once('close', () => host.disconnected());
      else socket.destroy();
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.#refuseMalformed(error.code ?? 'unknown', socket, host);
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
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Counts a request as unanswered until the system has taken its answer, or the connection has ended. */
  #follow(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req;
    let traffic = this.#traffic.get(socket);
    if (traffic === undefined) {
      traffic = { unanswered: new Set(), whenAnswered: undefined };
      this.#traffic.set(socket, traffic);
      socket.once('close', () => this.#traffic.delete(socket));
    }
    const { unanswered } = traffic;
    unanswered.add(req);
    res.once('close', () => {
      unanswered.delete(req);
      traffic.whenAnswered?.();
    });
  }

  /** Answers what is no request, behind the answers to the requests before it; counts it, and ends the connection. */
  #refuseMalformed(code: string, socket: Socket, host: TransportHost): void {
    if (endingSockets.has(socket)) return;
    // The client is gone: nothing was malformed.
    if (code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    endingSockets.add(socket);
    host.malformed({ reason: code, address: socket.remoteAddress ?? '' });
    const traffic = this.#traffic.get(socket);
    const before = [...(traffic?.unanswered ?? [])].filter((req) => req.complete);
    const end = (): void => {
      const status = STATUS_LINES[code] ?? '400 Bad Request';
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    if (traffic === undefined || before.length === 0) {
      end();
      return;
    }
    traffic.whenAnswered = () => {
      if (before.some((req) => traffic.unanswered.has(req))) return;
      traffic.whenAnswered = undefined;
      end();
    };
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
