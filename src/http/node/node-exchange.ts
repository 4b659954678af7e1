/** An exchange on Node's own HTTP server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, type ChunkHandler, Exchange, type ExchangeHost } from '../exchange.js';

const NO_BYTES = new Uint8Array(0);
const MAPPED_PREFIX = '::ffff:';

export class NodeExchange extends Exchange {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;

  constructor(req: IncomingMessage, res: ServerResponse, route: string, host: ExchangeHost) {
    super(route, host, req.method === 'HEAD');
    this.#req = req;
    this.#res = res;
    res.on('close', () => this.finish());
  }

  get remoteAddress(): string {
    const address = this.#req.socket.remoteAddress ?? '';
    // IPv4 addresses of a socket that listens on IPv6 arrive as ::ffff:a.b.c.d.
    return address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : address;
  }

  onData(handler: ChunkHandler): void {
    const declared = Number(this.#req.headers['content-length'] ?? NaN);
    let received = 0;
    this.#req.on('data', (chunk: Buffer) => {
      received += chunk.length;
      handler(chunk, received === declared);
    });
    this.#req.on('end', () => {
      // Without a length only the end tells, and an empty body has no chunk.
      if (received !== declared || received === 0) handler(NO_BYTES, true);
    });
  }

  protected writeJson(body: string | Uint8Array): void {
    // Bytes are copied: they lie in shared memory that is used again before the socket has taken them.
    const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body);
    const res = this.#res;
    res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', bytes.length]);
    res.end(bytes);
  }

  protected write({ status, headers, body, last, withoutBody }: Answer): void {
    const res = this.#res;
    const bytes = Buffer.from(body);
    const fields: (string | number)[] = [...headers.flat(), 'Content-Length', bytes.length];
    if (last) fields.push('Connection', 'close');
    res.writeHead(Number(status.slice(0, 3)), status.slice(4), fields);
    res.end(withoutBody ? undefined : bytes);
  }
}
