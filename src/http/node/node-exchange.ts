/** An exchange on Node's own HTTP server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Answer } from '../answer.js';
import { type ChunkHandler, Exchange, type ExchangeHost } from '../exchange.js';

const NO_BYTES = new Uint8Array(0);
const MAPPED_PREFIX = '::ffff:';

/** Connections whose last answer is on its way: whatever else comes on them is nobody's request. */
export const endingSockets = new WeakSet<Socket>();

/** A request as Node's server hands it over. */
export interface NodeRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly awaitsContinue: boolean;
}

export class NodeExchange extends Exchange {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #awaitsContinue: boolean;

  /** @param awaitsContinue the client sends its body behind a 100 */
  constructor({ req, res, awaitsContinue }: NodeRequest, route: string, host: ExchangeHost) {
    super(route, host, req.method === 'HEAD');
    this.#req = req;
    this.#res = res;
    this.#awaitsContinue = awaitsContinue;
    res.on('close', () => this.abandon());
  }

  get remoteAddress(): string {
    const address = this.#req.socket.remoteAddress ?? '';
    // IPv4 addresses of a socket that listens on IPv6 arrive as ::ffff:a.b.c.d.
    return address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : address;
  }

  onData(handler: ChunkHandler): void {
    const declared = Number(this.#req.headers['content-length'] ?? NaN);
    let received = 0;
    if (this.#awaitsContinue) this.#res.writeContinue();
    this.#req.on('data', (chunk: Buffer) => {
      received += chunk.length;
      handler(chunk, received === declared);
    });
    this.#req.on('end', () => {
      // Without a length only the end tells, and an empty body has no chunk.
      if (received !== declared || received === 0) handler(NO_BYTES, true);
    });
  }

  /** Node ends the connection by itself behind a last answer. */
  protected get mustWait(): boolean {
    return false;
  }

  protected writeJson(body: string | Uint8Array, requestId: string | undefined): void {
    // Bytes are copied: they lie in shared memory that is used again before the socket has taken them.
    const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body);
    const res = this.#res;
    const fields: (string | number)[] = ['Content-Type', 'application/json', 'Content-Length', bytes.length];
    if (requestId !== undefined) fields.push('X-Request-ID', headerBytes(requestId));
    res.writeHead(200, fields as string[]);
    res.end(bytes);
  }

  protected write({ status, headers, body, last, withoutBody }: Answer): boolean {
    const res = this.#res;
    const bytes = Buffer.from(body);
    const fields: (string | number)[] = ['Content-Length', bytes.length];
    for (const [name, value] of headers) fields.push(name, headerBytes(value));
    if (last) {
      fields.push('Connection', 'close');
      endingSockets.add(this.#req.socket);
    }
    res.writeHead(Number(status.slice(0, 3)), status.slice(4), fields as string[]);
    res.end(withoutBody ? undefined : bytes);
    if (this.#req.socket.writableLength === 0) return true;
    res.once('finish', () => this.sent());
    return false;
  }
}

/** A header's value as Node writes it: one character a byte, here the bytes of UTF-8. */
function headerBytes(value: string): string {
  return Buffer.from(value).toString('latin1');
}
