/** The head of a request on uWebSockets.js. One object serves all requests of a server, one after another. */
import type { HttpRequest } from 'uWebSockets.js';
import { decodedSegment } from '../path-segment.js';
import type { RequestHead } from '../request-head.js';

export class UwsHead implements RequestHead {
  #req: HttpRequest | undefined;
  contentLength = NaN;
  expectation = '';

  /** From here on this is the head of `req`, until the handler returns. */
  of(req: HttpRequest): this {
    this.#req = req;
    const length = req.getHeader('content-length');
    this.contentLength = length === '' ? NaN : Number(length);
    this.expectation = req.getHeader('expect');
    return this;
  }

  get method(): string {
    return this.#request.getMethod().toUpperCase();
  }

  get path(): string {
    return this.#request.getUrl();
  }

  get query(): string {
    // Undefined where there is none, whatever its types say.
    return this.#request.getQuery() ?? '';
  }

  header(name: string): string {
    return this.#request.getHeader(name);
  }

  list(name: string): string {
    const values: string[] = [];
    this.#request.forEach((each, value) => {
      if (each === name) values.push(value);
    });
    return values.join();
  }

  parameter(index: number): string {
    return decodedSegment(this.#request.getParameter(index) ?? '');
  }

  get #request(): HttpRequest {
    if (this.#req === undefined) throw new RangeError('the head of a request is read while its handler runs');
    return this.#req;
  }
}
