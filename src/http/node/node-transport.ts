/** HTTP by Node's own server: on every machine that runs Node, for about twice the CPU a request. */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type Server, type ServerOptions, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Config } from '../../config/config.js';
import { LightscoreError, messageOf } from '../../errors.js';
import type { Method, Route } from '../route.js';
import type { ListenOptions, Transport, TransportHost } from '../transport.js';
import { NodeExchange } from './node-exchange.js';
import { NodeHead, targetOf } from './node-head.js';
import { Router } from './router.js';

export class NodeTransport implements Transport {
  readonly #server: Server;

  constructor(tls: Config['http']['tls']) {
    const options: ServerOptions = { requestTimeout: 0 };
    this.#server =
      tls === undefined
        ? createServer(options)
        : createTlsServer({ ...options, cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) });
  }

  serve(routes: readonly Route[], host: TransportHost): void {
    const router = new Router(routes);
    this.#server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      const target = targetOf(req.url ?? '/');
      const found = router.find(target.path);
      host.opened();
      const exchange = new NodeExchange(req, res, found?.route.path ?? 'other', host);
      if (found === undefined) {
        exchange.refuse('NOT_FOUND');
        return;
      }
      const { route, parameters } = found;
      if (!route.methods.includes(req.method as Method)) {
        exchange.refuse('METHOD_NOT_ALLOWED', { allow: route.methods });
        return;
      }
      try {
        route.handle(exchange, new NodeHead(req, target, parameters));
      } catch (error) {
        exchange.fail(error);
      }
    });
  }

  async listen({ host, port, shared }: ListenOptions): Promise<number> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true, ...(shared && { reusePort: true }) }, () => {
        server.off('error', reject);
        resolve();
      });
    }).catch((error: unknown) => {
      throw new LightscoreError('CONFIG_INVALID', `cannot listen on ${host} port ${port}: ${messageOf(error)}`);
    });
    return (server.address() as AddressInfo).port;
  }

  stopListening(): void {
    this.#server.close();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
