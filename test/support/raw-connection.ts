/** HTTP/1.1 by hand, for what no HTTP client would send. */
import { type Socket, connect } from 'node:net';

/** An answer as it came over the wire; header names in lower case. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const ANSWER_MS = 20_000;

export class RawConnection {
  #received = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #closed = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
    // A reset is a way to be closed.
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('end', () => this.#end());
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawConnection(socket));
      });
    });
  }

  /** Whether the other side has closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that came and were not read as an answer. */
  get unread(): string {
    return this.#received.toString('latin1');
  }

  /** Resolves when the bytes were handed to the system. */
  send(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** The next answer; undefined where the other side closes without one. */
  async answer(): Promise<RawAnswer | undefined> {
    for (;;) {
      const answer = this.#take();
      if (answer !== undefined) return answer;
      if (this.#closed) return undefined;
      await this.#more('an answer');
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.#closed) await this.#more('the end of the connection');
  }

  close(): void {
    this.socket.destroy();
  }

  #end(): void {
    this.#closed = true;
    this.#wake?.();
  }

  #more(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`waited ${ANSWER_MS} ms for ${what}; so far: ${this.unread.slice(0, 500)}`)),
        ANSWER_MS,
      );
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #take(): RawAnswer | undefined {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [statusLine, ...lines] = this.#received.toString('latin1', 0, end).split('\r\n');
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const length = Number(headers.get('content-length') ?? 0);
    const start = end + 4;
    if (this.#received.length < start + length) return undefined;
    const body = this.#received.toString('utf8', start, start + length);
    this.#received = this.#received.subarray(start + length);
    return { status: Number(statusLine.split(' ')[1]), headers, body };
  }
}

/** A POST with a JSON body, as bytes. */
export function postBytes(path: string, body: string, headers: readonly string[] = []): Buffer {
  return Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      'Host: test',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
      '',
      body,
    ].join('\r\n'),
  );
}
