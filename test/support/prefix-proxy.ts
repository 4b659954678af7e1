/** A reverse proxy that serves one server below a path prefix, which it takes away; all else is another application. */
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export class PrefixProxy {
  readonly #server: Server;
  readonly #prefix: string;
  #upstream = 0;

  private constructor(prefix: string) {
    this.#prefix = prefix;
    this.#server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));
  }

  /** @param prefix with a slash at its beginning and none at its end */
  static async start(prefix: string): Promise<PrefixProxy> {
    const proxy = new PrefixProxy(prefix);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Where a client reaches the server, without a slash at its end. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.#prefix}`;
  }

  /** Forwards to the server on this port from here on. */
  forwardTo(port: number): void {
    this.#upstream = port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { url = '', method, headers } = incoming;
    if (!url.startsWith(`${this.#prefix}/`)) {
      outgoing.writeHead(404).end('another application');
      return;
    }
    const path = url.slice(this.#prefix.length);
    const forwarded = request({ host: '127.0.0.1', port: this.#upstream, path, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  }
}
