/** Reads request bodies, with limits on their size and duration. */
import { isUtf8 } from 'node:buffer';
import { OwnQuota, type Quota } from '../scoring/quota.js';
import { type Coding, codingOf, inflateBody } from './compression.js';
import type { Exchange } from './exchange.js';
import type { RequestHead } from './request-head.js';
import { explainEncoding } from '../contract/malformed.js';
import type { ProblemCode } from '../contract/problem.js';

/** How often incomplete bodies are checked, at most; and how often within the time-out. */
const SWEEP_MS = 500;
const SWEEPS_PER_TIMEOUT = 8;
/**
 * How much of a body beyond its limit is read and discarded. Closing a socket with unread bytes resets it, and a client
 * that is still sending may never see its answer.
 */
const MAX_DISCARDED_BYTES = 16 * 2 ** 20;
/** Limit on the bytes of all incomplete bodies; past it, requests are refused with 503. */
export const MAX_PARTIAL_BYTES = 256 * 2 ** 20;

/** Why there is no body. */
export interface BodyRefusal {
  readonly code: ProblemCode;
  readonly detail?: string;
  /** The rest of the body, if any, is read and discarded, so the connection can be kept. */
  readonly keepsConnection: boolean;
}

/** Receives the whole body, or the reason why there is none: one of them, once, unless the exchange finishes before. */
export interface BodyHandler {
  /**
   * Called first, with the raw bytes.
   * @param bytes valid until this returns
   * @returns false to get the body as text from `onBody`
   */
  onBytes(bytes: Uint8Array): boolean;
  onBody(text: string): void;
  onBodyRefused(refusal: BodyRefusal): void;
}

export interface BodyLimits {
  /** Limits a body, and what a compressed one inflates to. */
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly bodyMinBytesPerSecond: number;
}

/** Reads all bodies of one acceptor, with one timer for all of them. */
export class BodyReader {
  readonly #limits: BodyLimits;
  readonly #partialBytes: Quota;
  /** Incomplete bodies from earlier turns of the event loop, in order of arrival. */
  readonly #pending = new Set<IncomingBody>();
  /** Bodies that began in this turn of the event loop; nearly all of them are complete when it ends. */
  #thisTurn: IncomingBody[] = [];
  #sweeper: NodeJS.Timeout | undefined;

  /** @param partialBytes limits the incomplete bodies of this reader, or of several readers together */
  constructor(limits: BodyLimits, partialBytes: Quota = new OwnQuota(MAX_PARTIAL_BYTES)) {
    this.#limits = limits;
    this.#partialBytes = partialBytes;
  }

  /** Reads one body; reading stops when the exchange finishes. Call while the handler runs. */
  read(exchange: Exchange, head: RequestHead, handler: BodyHandler): void {
    const { maxBodyBytes } = this.#limits;
    const { contentLength } = head;
    // What was declared a transport reads by itself, when the answer is out.
    const keepsConnection = !(contentLength > maxBodyBytes + MAX_DISCARDED_BYTES);
    if (contentLength > maxBodyBytes) {
      handler.onBodyRefused({ code: 'BODY_TOO_LARGE', detail: tooLarge(maxBodyBytes), keepsConnection });
      return;
    }
    // Only a body with a coding pays for the look at every header.
    const first = head.header('content-encoding');
    const coding = codingOf(first === '' ? first : head.list('content-encoding'));
    if (coding === undefined) {
      handler.onBodyRefused({ code: 'UNSUPPORTED_ENCODING', keepsConnection });
      return;
    }
    const body = new IncomingBody(this.#limits, this.#partialBytes, exchange, { coding, handler });
    exchange.onData((chunk, isLast) => body.take(chunk, isLast));
    if (this.#thisTurn.push(body) === 1) setImmediate(() => this.#keepPending());
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #keepPending(): void {
    const begun = this.#thisTurn;
    this.#thisTurn = [];
    for (const body of begun) if (!body.done) this.#pending.add(body);
    if (this.#pending.size === 0) return;
    const interval = Math.min(SWEEP_MS, Math.ceil(this.#limits.bodyTimeoutMs / SWEEPS_PER_TIMEOUT));
    this.#sweeper ??= setInterval(() => this.#sweep(), interval);
  }

  #sweep(): void {
    const now = performance.now();
    for (const body of this.#pending) {
      if (body.done) {
        this.#pending.delete(body);
        // The client may have left.
        body.drop();
      } else if (body.isTooSlow(now)) {
        this.#pending.delete(body);
        body.refuse(body.isTooLarge ? 'BODY_TOO_LARGE' : 'BODY_TIMEOUT');
      }
    }
    if (this.#pending.size === 0) this.close();
  }
}

function tooLarge(maxBytes: number): string {
  return `The body is larger than ${maxBytes} bytes.`;
}

class IncomingBody {
  readonly #limits: BodyLimits;
  readonly #partialBytes: Quota;
  readonly #exchange: Exchange;
  readonly #coding: Coding | 'identity';
  readonly #handler: BodyHandler;
  readonly #started = performance.now();
  /** When a look last found new bytes, and how many there were. */
  #progressed = this.#started;
  #seenBytes = 0;
  #finished = false;
  #chunks: Buffer[] | undefined;
  #bytes = 0;
  /** Bytes of the chunks that are kept. */
  #held = 0;

  constructor(
    limits: BodyLimits,
    partialBytes: Quota,
    exchange: Exchange,
    { coding, handler }: { readonly coding: Coding | 'identity'; readonly handler: BodyHandler },
  ) {
    this.#limits = limits;
    this.#partialBytes = partialBytes;
    this.#exchange = exchange;
    this.#coding = coding;
    this.#handler = handler;
  }

  get isTooLarge(): boolean {
    return this.#bytes > this.#limits.maxBodyBytes;
  }

  get done(): boolean {
    return this.#finished || this.#exchange.finished;
  }

  /** Whether nothing has come for too long, or too little in all. @param now performance.now() milliseconds */
  isTooSlow(now: number): boolean {
    const { bodyTimeoutMs, bodyMinBytesPerSecond } = this.#limits;
    if (this.#bytes > this.#seenBytes) {
      this.#seenBytes = this.#bytes;
      this.#progressed = now;
    }
    const elapsed = now - this.#started;
    if (now - this.#progressed >= bodyTimeoutMs) return true;
    return elapsed >= bodyTimeoutMs && this.#bytes * 1000 < bodyMinBytesPerSecond * elapsed;
  }

  take(chunk: Uint8Array, isLast: boolean): void {
    if (this.done) return;
    this.#bytes += chunk.byteLength;
    const { maxBodyBytes } = this.#limits;
    if (this.isTooLarge) {
      this.drop();
      if (isLast || this.#bytes > maxBodyBytes + MAX_DISCARDED_BYTES) this.refuse('BODY_TOO_LARGE', isLast);
      return;
    }
    if (isLast && this.#chunks === undefined) {
      this.#finish(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      return;
    }
    if (!this.#partialBytes.take(chunk.byteLength)) {
      this.refuse('OVERLOADED');
      return;
    }
    this.#held += chunk.byteLength;
    this.#chunks ??= [];
    // The transport takes the chunk's memory back when this returns.
    this.#chunks.push(Buffer.from(chunk));
    if (isLast) this.#finish(Buffer.concat(this.#chunks));
  }

  refuse(code: ProblemCode, keepsConnection = false): void {
    if (this.done) return;
    this.#finished = true;
    this.drop();
    const detail = code === 'BODY_TOO_LARGE' ? tooLarge(this.#limits.maxBodyBytes) : undefined;
    this.#handler.onBodyRefused({ code, keepsConnection, ...(detail !== undefined && { detail }) });
  }

  /** Lets the chunks go. */
  drop(): void {
    this.#chunks = undefined;
    if (this.#held > 0) this.#partialBytes.give(this.#held);
    this.#held = 0;
  }

  /** The body is whole. @param bytes gone when this returns */
  #finish(bytes: Buffer): void {
    this.#finished = true;
    const coding = this.#coding;
    if (coding === 'identity') {
      this.#deliver(bytes);
      this.drop();
      return;
    }
    inflateBody(coding, Buffer.from(bytes), this.#limits.maxBodyBytes, (inflated) => {
      this.drop();
      if (this.#exchange.finished) return;
      if ('bytes' in inflated) this.#deliver(inflated.bytes);
      else if (inflated.refused === 'damaged') this.#refuseWhole('MALFORMED_JSON', `The body is not valid ${coding}.`);
      else this.#refuseWhole('BODY_TOO_LARGE', tooLarge(this.#limits.maxBodyBytes));
    });
  }

  #deliver(bytes: Buffer): void {
    if (this.#handler.onBytes(bytes)) return;
    const text = bytes.toString('utf8');
    // Decoding replaces what is not UTF-8 by U+FFFD; only then is it worth asking whether the client sent it so.
    if (text.includes('\uFFFD') && !isUtf8(bytes)) this.#refuseWhole('MALFORMED_JSON', explainEncoding(bytes, text));
    else this.#handler.onBody(text);
  }

  /** Refuses a body of which every byte has come. */
  #refuseWhole(code: ProblemCode, detail: string): void {
    this.#handler.onBodyRefused({ code, detail, keepsConnection: true });
  }
}
