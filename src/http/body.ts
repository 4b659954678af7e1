/** Reads request bodies from uWebSockets.js, with limits on their size and duration. */
import { isUtf8 } from 'node:buffer';
import type { HttpResponse } from 'uWebSockets.js';
import { OwnQuota, type Quota } from '../scoring/quota.js';
import type { Exchange } from './exchange.js';
import type { ProblemCode } from '../contract/problem.js';

/** Time limit from the headers to the last byte of the body. uWebSockets.js itself closes idle sockets after 10 s. */
const BODY_TIMEOUT_MS = 8000;
const SWEEP_MS = 500;
/**
 * How much of a body beyond its limit is read and discarded. Closing a socket with unread bytes resets it, and a client
 * that is still sending may never see its answer.
 */
const MAX_DISCARDED_BYTES = 16 * 2 ** 20;
/** Limit on the bytes of all incomplete bodies; past it, requests are refused with 503. */
export const MAX_PARTIAL_BYTES = 256 * 2 ** 20;

/** Receives the whole body, or the reason why there is none: one of them, once, unless the exchange finishes before. */
export interface BodyHandler {
  /**
   * Called first, with the raw bytes.
   * @param bytes valid until this returns
   * @returns false to get the body as text from `onBody`
   */
  onBytes(bytes: Uint8Array): boolean;
  onBody(text: string): void;
  /** @param keepsConnection the rest of the body, if any, is read and discarded, so the connection can be kept */
  onBodyRefused(code: ProblemCode, keepsConnection: boolean): void;
}

/** Reads all bodies of one acceptor, with one timer for all of them. */
export class BodyReader {
  readonly #maxBytes: number;
  readonly #partialBytes: Quota;
  /** Incomplete bodies from earlier turns of the event loop, in order of arrival. */
  readonly #pending = new Set<IncomingBody>();
  /** Bodies that began in this turn of the event loop; nearly all of them are complete when it ends. */
  #thisTurn: IncomingBody[] = [];
  #sweeper: NodeJS.Timeout | undefined;

  /** @param partialBytes limits the incomplete bodies of this reader, or of several readers together */
  constructor(maxBytes: number, partialBytes: Quota = new OwnQuota(MAX_PARTIAL_BYTES)) {
    this.#maxBytes = maxBytes;
    this.#partialBytes = partialBytes;
  }

  /** Counts `bytes` more that a body holds; returns false if the limit on all bodies does not allow them. */
  hold(bytes: number): boolean {
    return this.#partialBytes.take(bytes);
  }

  release(bytes: number): void {
    this.#partialBytes.give(bytes);
  }

  /**
   * Reads one body.
   * @param exchange reading stops when it finishes
   * @param declaredBytes the value of Content-Length; NaN without one
   */
  read(res: HttpResponse, exchange: Exchange, declaredBytes: number, handler: BodyHandler): void {
    if (declaredBytes > this.#maxBytes) {
      // After the answer, uWebSockets.js itself reads and discards a body of declared length.
      handler.onBodyRefused('BODY_TOO_LARGE', declaredBytes <= this.#maxBytes + MAX_DISCARDED_BYTES);
      return;
    }
    const body = new IncomingBody(this, this.#maxBytes, exchange, handler);
    res.onData((chunk, isLast) => body.take(chunk, isLast));
    if (this.#thisTurn.push(body) === 1) setImmediate(() => this.#keepPending());
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #keepPending(): void {
    const bodies = this.#thisTurn;
    this.#thisTurn = [];
    for (const body of bodies) if (!body.done) this.#pending.add(body);
    if (this.#pending.size > 0) this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
  }

  #sweep(): void {
    const startLimit = performance.now() - BODY_TIMEOUT_MS;
    for (const body of this.#pending) {
      if (body.done) {
        this.#pending.delete(body);
        // The client may have disconnected, which leaves chunks behind.
        body.drop();
      } else if (body.started <= startLimit) {
        this.#pending.delete(body);
        body.refuse(body.isTooLarge ? 'BODY_TOO_LARGE' : 'BODY_TIMEOUT');
      }
    }
    if (this.#pending.size === 0) this.close();
  }
}

class IncomingBody {
  readonly started = performance.now();
  readonly #reader: BodyReader;
  readonly #maxBytes: number;
  readonly #exchange: Exchange;
  readonly #handler: BodyHandler;
  #finished = false;
  #chunks: Buffer[] | undefined;
  #bytes = 0;
  /** Bytes in `#chunks`. */
  #held = 0;

  constructor(reader: BodyReader, maxBytes: number, exchange: Exchange, handler: BodyHandler) {
    this.#reader = reader;
    this.#maxBytes = maxBytes;
    this.#exchange = exchange;
    this.#handler = handler;
  }

  get isTooLarge(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  get done(): boolean {
    return this.#finished || this.#exchange.finished;
  }

  take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.done) return;
    this.#bytes += chunk.byteLength;
    if (this.isTooLarge) {
      this.drop();
      if (isLast || this.#bytes > this.#maxBytes + MAX_DISCARDED_BYTES) this.refuse('BODY_TOO_LARGE', isLast);
      return;
    }
    if (isLast && this.#chunks === undefined) {
      this.#finish(Buffer.from(chunk));
      return;
    }
    if (!this.#reader.hold(chunk.byteLength)) {
      this.refuse('OVERLOADED');
      return;
    }
    this.#held += chunk.byteLength;
    this.#chunks ??= [];
    // uWebSockets.js reuses the chunk's memory after this returns, so it is copied.
    this.#chunks.push(Buffer.from(new Uint8Array(chunk)));
    if (isLast) this.#finish(Buffer.concat(this.#chunks));
  }

  refuse(code: ProblemCode, keepsConnection = false): void {
    if (this.done) return;
    this.#finished = true;
    this.drop();
    this.#handler.onBodyRefused(code, keepsConnection);
  }

  /** Releases the chunks. */
  drop(): void {
    this.#chunks = undefined;
    if (this.#held > 0) this.#reader.release(this.#held);
    this.#held = 0;
  }

  #finish(bytes: Buffer): void {
    if (this.#handler.onBytes(bytes)) {
      this.#finished = true;
      this.drop();
      return;
    }
    const text = bytes.toString('utf8');
    // Decoding replaces invalid UTF-8 by U+FFFD. Without one the text is valid; with one, the client may have sent it.
    if (text.includes('\uFFFD') && !isUtf8(bytes)) {
      this.refuse('MALFORMED_JSON');
      return;
    }
    this.#finished = true;
    this.drop();
    this.#handler.onBody(text);
  }
}
