/** One HTTP request and its answer: exactly one is sent, unless the client disconnects first. */
import { randomUUID } from 'node:crypto';
import type { HttpResponse } from 'uWebSockets.js';
import { type ProblemCode, type ProblemOptions, problem } from '../contract/problem.js';

type Headers = readonly (readonly [name: string, value: string])[];

const JSON_HEADERS: Headers = [['Content-Type', 'application/json']];
const OK = '200 OK';

/** What exchanges need of their server. */
export interface ExchangeHost {
  /** Each connection is closed after its answer. */
  readonly draining: boolean;
  answered(route: string, status: number): void;
  refused(code: ProblemCode): void;
  /** A request failed because of an internal error. */
  failed(error: unknown, route: string, requestId: string): void;
  /** Called once for each exchange, when it was answered or its client has disconnected. */
  exchangeFinished(): void;
}

export class Exchange {
  readonly #res: HttpResponse;
  readonly #host: ExchangeHost;
  readonly #withoutBody: boolean;
  /** The answer was sent, or the client has disconnected. */
  #finished = false;

  /** @param withoutBody true for HEAD: only headers are sent */
  constructor(
    res: HttpResponse,
    readonly route: string,
    host: ExchangeHost,
    withoutBody = false,
  ) {
    this.#res = res;
    this.#host = host;
    this.#withoutBody = withoutBody;
    res.onAborted(() => this.#finish());
  }

  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Answers 200. Every score is sent by this function, so it allocates nothing but the cork's closure.
   * @param body text, or its bytes, which are read before this returns
   */
  json(body: string | Uint8Array): void {
    if (this.#withoutBody || this.#host.draining) {
      this.send(OK, typeof body === 'string' ? body : new TextDecoder().decode(body.slice()), JSON_HEADERS);
      return;
    }
    if (this.#finished) return;
    const res = this.#res;
    res.cork(() => {
      res.writeHeader('Content-Type', 'application/json');
      res.end(body);
    });
    this.#host.answered(this.route, 200);
    this.#finish();
  }

  /** @param status status code and reason, "200 OK" */
  send(status: string, body: string, headers: Headers, close = false): void {
    if (this.#finished) return;
    const res = this.#res;
    res.cork(() => {
      if (status !== OK) res.writeStatus(status);
      for (const [name, value] of headers) res.writeHeader(name, value);
      const last = close || this.#host.draining;
      if (this.#withoutBody) {
        // With a length, endWithoutBody would wait for a body of that length and drop the connection's next request.
        res.writeHeader('Content-Length', `${Buffer.byteLength(body)}`);
        if (last) res.writeHeader('Connection', 'close');
        res.endWithoutBody();
      } else {
        // Writes `Connection: close` if `last` is set.
        res.end(body, last);
      }
    });
    this.#host.answered(this.route, Number(status.slice(0, 3)));
    this.#finish();
  }

  /** Answers with a problem. It carries the id of the request, or a new one if the request has none. */
  refuse(code: ProblemCode, options: ProblemOptions = {}): void {
    if (this.#finished) return;
    const { statusLine, headers, body, closesConnection } = problem(code, { requestId: randomUUID(), ...options });
    this.#host.refused(code);
    this.send(statusLine, body, headers, closesConnection);
  }

  /** Answers 500 for an internal error, and logs the error with the request id of the answer. */
  fail(error: unknown, options: ProblemOptions = {}): void {
    const requestId = options.requestId ?? randomUUID();
    this.#host.failed(error, this.route, requestId);
    this.refuse('INTERNAL', { ...options, requestId });
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#host.exchangeFinished();
  }
}
