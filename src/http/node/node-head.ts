/** The head of a request on Node's own HTTP server. */
import type { IncomingMessage } from 'node:http';
import { decodedSegment } from '../path-segment.js';
import type { RequestHead } from '../request-head.js';

export class NodeHead implements RequestHead {
  readonly path: string;
  readonly query: string;
  readonly #req: IncomingMessage;
  readonly #parameters: readonly string[];

  /** @param parameters open segments of the path, undecoded */
  constructor(req: IncomingMessage, { path, query }: Target, parameters: readonly string[]) {
    this.#req = req;
    this.path = path;
    this.query = query;
    this.#parameters = parameters;
  }

  get contentLength(): number {
    return Number(this.#req.headers['content-length'] ?? NaN);
  }

  get expectation(): string {
    const expectation = this.#req.headers.expect ?? '';
    // Empty ones are none, however many: Node joins them.
    return /^[\s,]*$/.test(expectation) ? '' : expectation;
  }

  get method(): string {
    return this.#req.method ?? '';
  }

  header(name: string): string {
    const value = this.#req.headers[name];
    return Array.isArray(value) ? (value[0] ?? '') : (value ?? '');
  }

  list(name: string): string {
    return (this.#req.headersDistinct[name] ?? []).join();
  }

  parameter(index: number): string {
    return decodedSegment(this.#parameters[index] ?? '');
  }
}

/** Where a request goes. */
export interface Target {
  readonly path: string;
  readonly query: string;
}

/** Path and query of a request's target: `/score?top_k=5`, or in absolute form `http://host/score?top_k=5`. */
export function targetOf(url: string): Target {
  const origin = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i.exec(url);
  const relative = origin === null ? url : url.slice(origin[0].length);
  const mark = relative.indexOf('?');
  const path = mark < 0 ? relative : relative.slice(0, mark);
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : relative.slice(mark + 1) };
}
