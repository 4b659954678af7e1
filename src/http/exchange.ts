/** One request and its one answer, whatever becomes of either side. */
import type { HttpResponse } from 'uWebSockets.js';
import { type ProblemCode, type ProblemOptions, problem } from './problem.js';

type Headers = readonly (readonly [name: string, value: string])[];

const JSON_HEADERS: Headers = [['Content-Type', 'application/json']];

/** Counts what was answered. */
export interface AnswerObserver {
  answered(route: string, status: number): void;
  refused(code: ProblemCode): void;
}

export class Exchange {
  /** The answer was sent or can no longer be. */
  #over = false;
  readonly #onOver: (() => void)[] = [];

  constructor(
    private readonly res: HttpResponse,
    readonly route: string,
    private readonly observer: AnswerObserver,
    /** Whether this connection should be closed behind its answer, asked when it is sent. */
    private readonly closing: () => boolean,
    /** HEAD: headers only. */
    private readonly withoutBody = false,
  ) {
    res.onAborted(() => this.#finish());
  }

  /** Calls `done` when the exchange is over, answered or not; at once where it is. */
  whenOver(done: () => void): void {
    if (this.#over) done();
    else this.#onOver.push(done);
  }

  get over(): boolean {
    return this.#over;
  }

  json(body: string): void {
    this.send('200 OK', body, JSON_HEADERS);
  }

  /** @param status code and reason, "200 OK" */
  send(status: string, body: string, headers: Headers, close = false): void {
    if (this.#over) return;
    this.res.cork(() => {
      if (status !== '200 OK') this.res.writeStatus(status);
      for (const [name, value] of headers) this.res.writeHeader(name, value);
      const last = close || this.closing();
      if (this.withoutBody) {
        // endWithoutBody takes a length, but would then wait for a body of that length and drop the connection's next request.
        this.res.writeHeader('Content-Length', `${Buffer.byteLength(body)}`);
        if (last) this.res.writeHeader('Connection', 'close');
        this.res.endWithoutBody();
      } else {
        // Writes `Connection: close` where it is the last.
        this.res.end(body, last);
      }
    });
    this.observer.answered(this.route, Number(status.slice(0, 3)));
    this.#finish();
  }

  refuse(code: ProblemCode, options: ProblemOptions = {}): void {
    if (this.#over) return;
    const { statusLine, headers, body, closesConnection } = problem(code, options);
    this.observer.refused(code);
    this.send(statusLine, body, headers, closesConnection);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    for (const done of this.#onOver) done();
  }
}
