/** Reads request bodies, bounded in size and time. */
import { isUtf8 } from 'node:buffer';
import { OwnQuota, type Quota } from '../scoring/quota.js';
import type { Exchange } from './exchange.js';
import type { ProblemCode } from '../contract/problem.js';

/** A body has this long from its headers to its last byte; uWebSockets.js itself closes a silent socket after 10 s. */
const BODY_TIMEOUT_MS = 8000;
const SWEEP_MS = 500;
/**
 * So much of a body that is too large is read and thrown away: a socket that is closed with bytes unread is reset, and
 * a client that still sends may never see its answer.
 */
const MOST_DISCARDED_BYTES = 16 * 2 ** 20;
/** Bytes of all bodies that are not whole yet; more are refused with 503. */
export const MOST_PARTIAL_BYTES = 256 * 2 ** 20;

/** Gets the whole body, or the reason why there is none; one of them, once, unless the exchange is over before. */
export interface BodyHandler {
  /**
   * Offered first.
   * @param bytes gone when this returns
   * @returns false where it is wanted as text
   */
  onBytes(bytes: Uint8Array): boolean;
  onBody(text: string): void;
  /** @param inStep the rest of the body, if there is one, will be read and thrown away: the connection may stay */
  onBodyRefused(code: ProblemCode, inStep: boolean): void;
}

/** Bodies on their way in, and the one timer for all of them. */
export class BodyReader {
  /** Bodies that are not whole yet, in order of arrival. */
  readonly #late = new Set<IncomingBody>();
  /** Bodies of this turn of the event loop: nearly all are whole when it ends, and were never late. */
  #fresh: IncomingBody[] = [];
  #sweeper: NodeJS.Timeout | undefined;

  /** @param partialBytes of this reader's bodies, or of several readers' */
  constructor(
    private readonly maxBytes: number,
    private readonly partialBytes: Quota = new OwnQuota(MOST_PARTIAL_BYTES),
  ) {}

  /** Notes that a body keeps `bytes` more; false where that is more than all of them may. */
  hold(bytes: number): boolean {
    return this.partialBytes.take(bytes);
  }

  release(bytes: number): void {
    this.partialBytes.give(bytes);
  }

  /**
   * Reads one body.
   * @param exchange nothing is read any more once it is over
   * @param declaredBytes of Content-Length, NaN without
   */
  read(exchange: Exchange, declaredBytes: number, handler: BodyHandler): void {
    if (declaredBytes > this.maxBytes) {
      // What was declared uWebSockets.js reads by itself, when the answer is out.
      handler.onBodyRefused('BODY_TOO_LARGE', declaredBytes <= this.maxBytes + MOST_DISCARDED_BYTES);
      return;
    }
    const body = new IncomingBody(this, this.maxBytes, exchange, handler);
    exchange.onData((chunk, isLast) => body.take(chunk, isLast));
    if (this.#fresh.push(body) === 1) setImmediate(() => this.#keepLate());
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #keepLate(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const body of fresh) if (!body.done) this.#late.add(body);
    if (this.#late.size > 0) this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
  }

  #sweep(): void {
    const before = performance.now() - BODY_TIMEOUT_MS;
    for (const body of this.#late) {
      if (body.done) {
        this.#late.delete(body);
        // Of clients that have left.
        body.drop();
      } else if (body.started <= before) {
        this.#late.delete(body);
        body.refuse(body.isTooLarge ? 'BODY_TOO_LARGE' : 'BODY_TIMEOUT');
      }
    }
    if (this.#late.size === 0) this.close();
  }
}

class IncomingBody {
  readonly started = performance.now();
  #finished = false;
  #chunks: Buffer[] | undefined;
  #bytes = 0;

  /** Of the chunks that are kept. */
  #held = 0;

  constructor(
    private readonly reader: BodyReader,
    private readonly maxBytes: number,
    private readonly exchange: Exchange,
    private readonly handler: BodyHandler,
  ) {}

  get isTooLarge(): boolean {
    return this.#bytes > this.maxBytes;
  }

  get done(): boolean {
    return this.#finished || this.exchange.over;
  }

  take(chunk: Uint8Array, isLast: boolean): void {
    if (this.done) return;
    this.#bytes += chunk.byteLength;
    if (this.isTooLarge) {
      this.drop();
      if (isLast || this.#bytes > this.maxBytes + MOST_DISCARDED_BYTES) this.refuse('BODY_TOO_LARGE', isLast);
      return;
    }
    if (isLast && this.#chunks === undefined) {
      this.#finish(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      return;
    }
    if (!this.reader.hold(chunk.byteLength)) {
      this.refuse('OVERLOADED');
      return;
    }
    this.#held += chunk.byteLength;
    this.#chunks ??= [];
    // uWebSockets.js takes the chunk's memory back when this returns.
    this.#chunks.push(Buffer.from(chunk));
    if (isLast) this.#finish(Buffer.concat(this.#chunks));
  }

  refuse(code: ProblemCode, inStep = false): void {
    if (this.done) return;
    this.#finished = true;
    this.drop();
    this.handler.onBodyRefused(code, inStep);
  }

  /** Lets the chunks go. */
  drop(): void {
    this.#chunks = undefined;
    if (this.#held > 0) this.reader.release(this.#held);
    this.#held = 0;
  }

  #finish(bytes: Buffer): void {
    if (this.handler.onBytes(bytes)) {
      this.#finished = true;
      this.drop();
      return;
    }
    const text = bytes.toString('utf8');
    // Decoding replaces what is not UTF-8 by U+FFFD; only then is it worth asking whether the client sent it so.
    if (text.includes('\uFFFD') && !isUtf8(bytes)) {
      this.refuse('MALFORMED_JSON');
      return;
    }
    this.#finished = true;
    this.drop();
    this.handler.onBody(text);
  }
}
