/** One request and its one answer, whatever becomes of either side. Each transport has its own kind. */
import { randomUUID } from 'node:crypto';
import { type ProblemCode, type ProblemOptions, problem } from '../contract/problem.js';

export type Headers = readonly (readonly [name: string, value: string])[];

const JSON_HEADERS: Headers = [['Content-Type', 'application/json']];
const OK = '200 OK';

/** What a server keeps of all exchanges. */
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

export interface Answer {
  /** Code and reason: "200 OK". */
  readonly status: string;
  readonly headers: Headers;
  readonly body: string;
  /** Close the connection behind it. */
  readonly last: boolean;
  /** HEAD: everything but the body. */
  readonly withoutBody: boolean;
}

/** Gets the body in pieces. @param chunk its bytes; gone when this returns */
export type ChunkHandler = (chunk: Uint8Array, isLast: boolean) => void;

export abstract class Exchange {
  readonly route: string;
  readonly #host: ExchangeHost;
  readonly #withoutBody: boolean;
  /** The answer was sent or can no longer be. */
  #over = false;

  /** @param withoutBody HEAD: headers only */
  constructor(route: string, host: ExchangeHost, withoutBody: boolean) {
    this.route = route;
    this.#host = host;
    this.#withoutBody = withoutBody;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The other end of the connection, as text. Call while the handler runs. */
  abstract get remoteAddress(): string;

  /** Reads the body. Call while the handler runs. */
  abstract onData(handler: ChunkHandler): void;

  /** Writes a 200 with JSON. @param body read before this returns */
  protected abstract writeJson(body: string | Uint8Array): void;

  protected abstract write(answer: Answer): void;

  /**
   * Answers 200. The path of every score: nothing is allocated here.
   * @param body text, or its bytes, which are read before this returns
   */
  json(body: string | Uint8Array): void {
    if (this.#withoutBody || this.#host.draining) {
      this.send(OK, typeof body === 'string' ? body : new TextDecoder().decode(body.slice()), JSON_HEADERS);
      return;
    }
    if (this.#over) return;
    this.writeJson(body);
    this.#host.answered(this.route, 200);
    this.finish();
  }

  /** @param status code and reason, "200 OK" */
  send(status: string, body: string, headers: Headers, close = false): void {
    if (this.#over) return;
    this.write({ status, headers, body, last: close || this.#host.draining, withoutBody: this.#withoutBody });
    this.#host.answered(this.route, Number(status.slice(0, 3)));
    this.finish();
  }

  /** Every refusal carries a request id: the request's own where it is known, else one made here. */
  refuse(code: ProblemCode, options: ProblemOptions = {}): void {
    if (this.#over) return;
    const { statusLine, headers, body, closesConnection } = problem(code, { requestId: randomUUID(), ...options });
    this.#host.refused(code);
    this.send(statusLine, body, headers, closesConnection);
  }

  /** Answers 500 for a fault of the server's own, and logs it under the request id of the answer. */
  fail(error: unknown, options: ProblemOptions = {}): void {
    const requestId = options.requestId ?? randomUUID();
    this.#host.failed(error, this.route, requestId);
    this.refuse('INTERNAL', { ...options, requestId });
  }

  /** Nothing is sent from here on: the answer is out, or the client is gone. */
  protected finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.over();
  }
}
