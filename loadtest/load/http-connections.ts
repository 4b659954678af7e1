/** Keep-alive HTTP/1.1 connections of the load generator: one request at a time on each, read into whole answers. */
import { Connections, closeSocket, receive, sendAll } from './linux-sockets.js';
import { StampedReceiver } from './stamped-receive.js';

const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
/** A server that refuses connections is asked again after this time. */
const RECONNECT_MS = 100;

export interface Connection<R> {
  readonly fd: number;
  /** Under way; undefined while idle. */
  request: R | undefined;
  /** From when its latency counts, performance.now() milliseconds. */
  since: number;
  /** When the last piece of the answer arrived, performance.now() milliseconds. */
  arrivedAt: number;
  /** Since when it is idle, performance.now() milliseconds. */
  idleSince: number;
  /** The answer, as far as it has come; one character is one byte. */
  text: string;
  /** Bytes of the whole answer, 0 while unknown. */
  bytes: number;
}

export interface Endpoint {
  /** An IPv4 address. */
  readonly address: string;
  readonly port: number;
}

interface Options<R> {
  /** Takes each request whose connection ended before its answer was complete. */
  readonly onLost?: (request: R, since: number) => void;
  /** Answers have arrived when the kernel says, instead of when they are read. */
  readonly stamps?: StampedReceiver;
}

const buffer = Buffer.allocUnsafeSlow(1 << 18);

export class HttpConnections<R> {
  /** Connections without a request; the one that became idle last is the last. */
  readonly idle: Connection<R>[] = [];
  /** Number of connections that the server closed. */
  closed = 0;
  readonly #set = new Connections();
  readonly #open = new Map<number, Connection<R>>();
  readonly #endpoint: Endpoint;
  readonly #count: number;
  readonly #onLost: (request: R, since: number) => void;
  readonly #stamps: StampedReceiver | undefined;
  #reconnectAt = Infinity;

  /** @throws Error if the server cannot be reached */
  constructor(endpoint: Endpoint, count: number, { onLost = () => undefined, stamps }: Options<R> = {}) {
    this.#endpoint = endpoint;
    this.#count = count;
    this.#onLost = onLost;
    this.#stamps = stamps;
    while (this.#open.size < count) this.#connect();
  }

  /** Makes `wait` return every `seconds` too. */
  tick(seconds: number): void {
    this.#set.tick(seconds);
  }

  /** Waits at most `milliseconds` (whole), and calls `answered` for each answer that is complete. */
  wait(milliseconds: number, answered: (connection: Connection<R>) => void): void {
    if (performance.now() >= this.#reconnectAt) this.#reconnect();
    this.#set.wait(milliseconds, (fd) => {
      const connection = this.#open.get(fd);
      if (connection !== undefined && this.#read(connection)) answered(connection);
    });
  }

  send(connection: Connection<R>, bytes: Uint8Array, request: R, since: number): void {
    connection.request = request;
    connection.since = since;
    if (!sendAll(connection.fd, bytes)) this.#lose(connection);
  }

  /** Forgets the answer, so that the next request can be sent. */
  clear(connection: Connection<R>): void {
    connection.request = undefined;
    connection.text = '';
    connection.bytes = 0;
  }

  /** Makes a connection idle whose answer has been taken. */
  release(connection: Connection<R>): void {
    this.clear(connection);
    connection.idleSince = connection.arrivedAt;
    this.idle.push(connection);
  }

  /** The connections whose request has no answer yet. */
  waiting(): Connection<R>[] {
    return [...this.#open.values()].filter(({ request }) => request !== undefined);
  }

  close(): void {
    for (const fd of this.#open.keys()) closeSocket(fd);
    this.#open.clear();
    this.#set.close();
  }

  #connect(): void {
    const { address, port } = this.#endpoint;
    const fd = this.#set.open(address, port);
    this.#stamps?.watch(fd);
    const now = performance.now();
    const connection = { fd, request: undefined, since: 0, arrivedAt: now, idleSince: now, text: '', bytes: 0 };
    this.#open.set(fd, connection);
    this.idle.push(connection);
  }

  /** Opens the connections that are missing; where the server refuses them, it is asked again later. */
  #reconnect(): void {
    this.#reconnectAt = Infinity;
    try {
      while (this.#open.size < this.#count) this.#connect();
    } catch {
      this.#reconnectAt = performance.now() + RECONNECT_MS;
    }
  }

  /** @returns whether the answer is complete */
  #read(connection: Connection<R>): boolean {
    const count = this.#stamps === undefined ? receive(connection.fd, buffer) : this.#stamps.receive(connection.fd);
    if (count <= 0) {
      if (count === 0) this.#lose(connection);
      return false;
    }
    const piece = this.#stamps === undefined ? buffer.toString('latin1', 0, count) : this.#stamps.text(count);
    connection.text = connection.text === '' ? piece : connection.text + piece;
    if (connection.bytes === 0) connection.bytes = answerBytes(connection.text);
    if (connection.bytes === 0 || connection.text.length < connection.bytes) return false;
    const now = performance.now();
    // Within what is possible, whatever the two clocks do.
    connection.arrivedAt =
      this.#stamps === undefined ? now : Math.min(now, Math.max(connection.since, this.#stamps.arrivedAt(now)));
    return true;
  }

  #lose(connection: Connection<R>): void {
    this.closed++;
    this.#open.delete(connection.fd);
    closeSocket(connection.fd);
    const { request, since } = connection;
    if (request === undefined) this.idle.splice(this.idle.indexOf(connection), 1);
    this.#reconnect();
    if (request !== undefined) this.#onLost(request, since);
  }
}

/** Bytes of header and body together, 0 while the header is not all there. */
function answerBytes(text: string): number {
  const header = text.indexOf('\r\n\r\n');
  if (header < 0) return 0;
  const length = CONTENT_LENGTH.exec(text.slice(0, header));
  return header + 4 + (length === null ? 0 : Number(length[1]));
}
