/** One request and its one answer, whatever becomes of either side. */
import { randomUUID } from 'node:crypto';
import type { HttpResponse } from 'uWebSockets.js';
import { type ProblemCode, type ProblemOptions, problem } from '../contract/problem.js';

type Headers = readonly (readonly [name: string, value: string])[];

const JSON_HEADERS: Headers = [['Content-Type', 'application/json']];
const OK = '200 OK';

/** What an acceptor keeps of all exchanges. */
export interface ExchangeHost {
  /** Connections are closed behind their answers. */
  readonly draining: boolean;
  answered(route: string, status: number): void;
  refused(code: ProblemCode): void;
  /** A request could not be answered, for a fault of the server's own. */
  failed(error: unknown, route: string, requestId: string): void;
  /** An exchange is over, answered or not; called once for each. */
  over(): void;
}

export class Exchange {
  /** The answer was sent or can no longer be. */
  #over = false;

  /** @param withoutBody HEAD: headers only */
  constructor(
    private readonly res: HttpResponse,
    readonly route: string,
    private readonly host: ExchangeHost,
    private readonly withoutBody = false,
  ) {
    res.onAborted(() => this.#finish());
  }

  get over(): boolean {
    return this.#over;
  }

  /**
   * Answers 200. The path of every score: nothing is allocated here but the cork's closure.
   * @param body text, or its bytes, which are read before this returns
   */
  json(body: string | Uint8Array): void {
    if (this.withoutBody || this.host.draining) {
      this.send(OK, typeof body === 'string' ? body : new TextDecoder().decode(body.slice()), JSON_HEADERS);
      return;
    }
    if (this.#over) return;
    const { res } = this;
    res.cork(() => {
      res.writeHeader('Content-Type', 'application/json');
      res.end(body);
    });
    this.host.answered(this.route, 200);
    this.#finish();
  }

  /** @param status code and reason, "200 OK" */
  send(status: string, body: string, headers: Headers, close = false): void {
    if (this.#over) return;
    const { res } = this;
    res.cork(() => {
      if (status !== OK) res.writeStatus(status);
      for (const [name, value] of headers) res.writeHeader(name, value);
      const last = close || this.host.draining;
      if (this.withoutBody) {
        // endWithoutBody takes a length, but would then wait for a body of that length and drop the connection's next
        // request.
        res.writeHeader('Content-Length', `${Buffer.byteLength(body)}`);
        if (last) res.writeHeader('Connection', 'close');
        res.endWithoutBody();
      } else {
        // Writes `Connection: close` where it is the last.
        res.end(body, last);
      }
    });
    this.host.answered(this.route, Number(status.slice(0, 3)));
    this.#finish();
  }

  /** Every refusal carries a request id: the request's own where it is known, else one made here. */
  refuse(code: ProblemCode, options: ProblemOptions = {}): void {
    if (this.#over) return;
    const { statusLine, headers, body, closesConnection } = problem(code, { requestId: randomUUID(), ...options });
    this.host.refused(code);
    this.send(statusLine, body, headers, closesConnection);
  }

  /** Answers 500 for a fault of the server's own, and logs it under the request id of the answer. */
  fail(error: unknown, options: ProblemOptions = {}): void {
    const requestId = options.requestId ?? randomUUID();
    this.host.failed(error, this.route, requestId);
    this.refuse('INTERNAL', { ...options, requestId });
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.host.over();
  }
}
