/**
 * One HTTP request and its answer: exactly one is sent, unless the client disconnects first. Each transport has its own
 * subclass.
 */
import { randomUUID } from 'node:crypto';
import { type ProblemCode, type ProblemOptions, problem } from '../contract/problem.js';
import type { Answer, Headers } from './answer.js';
import { type Encoder, MIN_COMPRESSED_BYTES } from './compression.js';

const JSON_HEADERS: Headers = [['Content-Type', 'application/json']];
const OK = '200 OK';
/** In bytes. Smaller answers are taken by the system at once; from this size on one may wait for a slow reader. */
export const LARGE_BYTES = 16 * 1024;

/** What exchanges need of their server. */
export interface ExchangeHost {
  /** Each connection is closed after its answer. */
  readonly draining: boolean;
  answered(route: string, status: number): void;
  refused(refusal: RefusedRequest): void;
  /** A request failed because of an internal error. */
  failed(failure: FailedRequest): void;
  /** Called once for each exchange, when the system has taken its answer or its client has disconnected. */
  exchangeFinished(): void;
}

export interface RefusedRequest {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  readonly route: string;
  readonly address: string;
  readonly requestId: string;
  readonly traceId: string | undefined;
}

/** A request that could not be answered, for a fault of the server's own. */
export interface FailedRequest {
  readonly error: unknown;
  readonly route: string;
  readonly requestId: string;
}

/** Gets the body in pieces. @param chunk its bytes; gone when this returns */
export type ChunkHandler = (chunk: Uint8Array, isLast: boolean) => void;

/** What a request's head says of the exchange as a whole. */
export interface ExchangeMarks {
  /** X-Request-ID; undefined without one that can be repeated. */
  readonly requestId: string | undefined;
  /** The trace id of `traceparent`: 32 hexadecimal digits; undefined without one. */
  readonly traceId: string | undefined;
  /** Compresses large answers; undefined where they go as they are. */
  readonly encoder: Encoder | undefined;
  /** Headers that every answer carries; undefined for none. */
  readonly headers: Headers | undefined;
  /** The client's, where proxies say it (TRUST_PROXY); else undefined. */
  readonly address: string | undefined;
}

export const NO_MARKS: ExchangeMarks = {
  requestId: undefined,
  traceId: undefined,
  encoder: undefined,
  headers: undefined,
  address: undefined,
};

export abstract class Exchange {
  readonly route: string;
  readonly #host: ExchangeHost;
  readonly #withoutBody: boolean;
  #marks: ExchangeMarks = NO_MARKS;
  /** The answer was sent, is about to be sent, or the client has disconnected. */
  #finished = false;
  /** The host was told. */
  #ended = false;

  /** @param withoutBody HEAD: headers only */
  constructor(route: string, host: ExchangeHost, withoutBody: boolean) {
    this.route = route;
    this.#host = host;
    this.#withoutBody = withoutBody;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** The request's own id, from X-Request-ID. */
  get requestId(): string | undefined {
    return this.#marks.requestId;
  }

  get traceId(): string | undefined {
    return this.#marks.traceId;
  }

  /** Call once, before the request is handled. */
  mark(marks: ExchangeMarks): void {
    this.#marks = marks;
  }

  /** The other end of the connection, as text. Call while the exchange is not over. */
  abstract get remoteAddress(): string;

  /** Reads the body. Call while the handler runs. */
  abstract onData(handler: ChunkHandler): void;

  /** Writes a 200 with JSON. @param body less than LARGE_BYTES; read before this returns */
  protected abstract writeJson(body: string | Uint8Array, requestId: string | undefined): void;

  /** @returns false where some of it waits until the client reads on; `sent` is called when the system has it all */
  protected abstract write(answer: Answer): boolean;

  /** Whether a last answer must wait until the handler has returned. */
  protected abstract get mustWait(): boolean;

  /**
   * Answers 200. The path of every score: nothing is allocated here.
   * @param body text, or its bytes, which are read before this returns
   */
  json(body: string | Uint8Array): void {
    const { encoder, headers, requestId } = this.#marks;
    const isPlain = headers === undefined && (encoder === undefined || body.length < MIN_COMPRESSED_BYTES);
    if (!isPlain || body.length >= LARGE_BYTES || this.#withoutBody || this.#host.draining) {
      this.send(OK, typeof body === 'string' ? body : body.slice(), JSON_HEADERS);
      return;
    }
    if (this.#finished) return;
    this.#finished = true;
    this.writeJson(body, requestId);
    this.#host.answered(this.route, 200);
    this.#end();
  }

  /** @param status code and reason, "200 OK" */
  send(status: string, body: string | Uint8Array, headers: Headers, close = false): void {
    if (this.#finished) return;
    this.#finished = true;
    const { encoder, headers: common = [], requestId } = this.#marks;
    const id = requestId === undefined ? [] : [['X-Request-ID', requestId] as const];
    const all = [...headers, ...common, ...id];
    const last = close || this.#host.draining;
    const answer: Answer = { status, headers: all, body, last, withoutBody: this.#withoutBody };
    if (encoder === undefined || body.length < MIN_COMPRESSED_BYTES || this.#withoutBody) this.#deliver(answer);
    else encoder(answer, (encoded) => this.#deliver(encoded));
  }

  #deliver(answer: Answer): void {
    if (answer.last && this.mustWait) {
      setImmediate(() => this.#deliver(answer));
      return;
    }
    // The client may have left meanwhile.
    if (this.#ended) return;
    const isSent = this.write(answer);
    this.#host.answered(this.route, Number(answer.status.slice(0, 3)));
    if (isSent) this.#end();
  }

  /** Every refusal carries a request id: the request's own where it is known, else one made here. */
  refuse(code: ProblemCode, options: ProblemOptions = {}): void {
    if (this.#finished) return;
    const { traceId } = this.#marks;
    const requestId = options.requestId ?? this.#marks.requestId ?? randomUUID();
    const refusal = problem(code, { ...options, requestId, ...(traceId !== undefined && { traceId }) });
    const { route } = this;
    const address = this.#marks.address ?? this.remoteAddress;
    this.#host.refused({ code, detail: options.detail, route, address, requestId, traceId });
    this.send(refusal.statusLine, refusal.body, refusal.headers, refusal.closesConnection);
  }

  /** Answers 500 for a fault of the server's own, and logs it under the request id of the answer. */
  fail(error: unknown, options: ProblemOptions = {}): void {
    const requestId = options.requestId ?? this.#marks.requestId ?? randomUUID();
    this.#host.failed({ error, route: this.route, requestId });
    this.refuse('INTERNAL', { ...options, requestId });
  }

  /** The system has taken the whole answer. */
  protected sent(): void {
    this.#end();
  }

  /** The client is gone: nothing is sent from here on. */
  protected abandon(): void {
    this.#finished = true;
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.exchangeFinished();
  }
}
