/** The routes `POST /score` and `POST /score_batch`: they check headers and query, then read the body. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { ProblemCode } from '../../contract/problem.js';
import { DEFAULT_QUERY, type ScoreQuery, parseScoreQuery } from '../../contract/query.js';
import type { BodyHandler } from '../../http/body.js';
import type { Exchange } from '../../http/exchange.js';
import type { Handler, Route } from '../../http/route.js';
import type { RouteContext } from '../context.js';
import { BatchRequests } from './batch-requests.js';
import { CurrentVariants } from './current-variants.js';
import type { RequestHandler } from './request-handler.js';
import { SingleRequests } from './single-requests.js';

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

export function scoreRoutes(context: RouteContext): Route[] {
  const variants = new CurrentVariants(context);
  return [
    { path: '/score', methods: ['POST'], handle: receiver(context, new SingleRequests(context, variants)) },
    { path: '/score_batch', methods: ['POST'], handle: receiver(context, new BatchRequests(context, variants)) },
  ];
}

function receiver(context: RouteContext, handler: RequestHandler): Handler {
  const { access, bodies, config, serving } = context;
  return (exchange: Exchange, req: HttpRequest, res: HttpResponse): void => {
    if (access.refuseScoring(exchange, req, res)) return;
    const contentType = req.getHeader('content-type');
    // A body without a Content-Type is read as JSON, for compatibility with the service that this one replaces.
    if (contentType !== 'application/json' && contentType !== '' && !JSON_TYPE.test(contentType)) {
      exchange.refuse('UNSUPPORTED_MEDIA_TYPE');
      return;
    }
    // uWebSockets.js returns undefined for a URL without a query, although its types do not say so.
    const query = parseScoreQuery(req.getQuery() ?? '');
    if (!('topK' in query)) {
      exchange.refuse('INVALID_QUERY', query);
      return;
    }
    const key = serving()?.experiment === undefined ? '' : req.getHeader('x-experiment-key');
    const length = req.getHeader('content-length');
    const body = new ScoreBody(handler, exchange, { query, key }, config.http.maxBodyBytes);
    bodies.read(res, exchange, length === '' ? NaN : Number(length), body);
  };
}

/** The parameters of a scoring request that are not in its body. */
interface ScoreHead {
  readonly query: ScoreQuery;
  /** X-Experiment-Key; empty without one. */
  readonly key: string;
}

/** A scoring request whose body is being read. */
class ScoreBody implements BodyHandler {
  readonly #handler: RequestHandler;
  readonly #exchange: Exchange;
  readonly #head: ScoreHead;
  readonly #maxBytes: number;

  constructor(handler: RequestHandler, exchange: Exchange, head: ScoreHead, maxBytes: number) {
    this.#handler = handler;
    this.#exchange = exchange;
    this.#head = head;
    this.#maxBytes = maxBytes;
  }

  onBytes(bytes: Uint8Array): boolean {
    const { query, key } = this.#head;
    if (query !== DEFAULT_QUERY) return false;
    try {
      return this.#handler.handlePlain(this.#exchange, bytes, key);
    } catch (error) {
      this.#exchange.fail(error);
      return true;
    }
  }

  onBody(text: string): void {
    const { query, key } = this.#head;
    try {
      this.#handler.handle(this.#exchange, text, query, key);
    } catch (error) {
      this.#exchange.fail(error);
    }
  }

  onBodyRefused(code: ProblemCode, keepsConnection: boolean): void {
    this.#exchange.refuse(code, {
      keepsConnection,
      ...(code === 'BODY_TOO_LARGE' && { detail: `The body is larger than ${this.#maxBytes} bytes.` }),
    });
  }
}
