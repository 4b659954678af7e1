/** The routes `POST /score` and `POST /score_batch`: they check headers and query, then read the body. */
import { PLAIN_QUERY, type ScoreQuery, defaultQuery, parseScoreQuery } from '../../contract/query.js';
import type { BodyHandler, BodyRefusal } from '../../http/body.js';
import type { Exchange } from '../../http/exchange.js';
import type { RequestHead } from '../../http/request-head.js';
import type { Handler, Route } from '../../http/route.js';
import { isJson } from '../content-type.js';
import type { RouteContext } from '../context.js';
import { BatchRequests } from './batch-requests.js';
import { CurrentVariants } from './current-variants.js';
import type { RequestHandler } from './request-handler.js';
import { SingleRequests } from './single-requests.js';

export function scoreRoutes(context: RouteContext): Route[] {
  const variants = new CurrentVariants(context);
  return [
    { path: '/score', methods: ['POST'], handle: receiver(context, new SingleRequests(context, variants)) },
    { path: '/score_batch', methods: ['POST'], handle: receiver(context, new BatchRequests(context, variants)) },
  ];
}

function receiver(context: RouteContext, handler: RequestHandler): Handler {
  const { access, bodies, config, serving } = context;
  const defaults = defaultQuery(config.explain);
  return (exchange: Exchange, head: RequestHead): void => {
    if (access.refuseScoring(exchange, head)) return;
    if (!isJson(head.header('content-type'))) {
      exchange.refuse('UNSUPPORTED_MEDIA_TYPE');
      return;
    }
    const query = parseScoreQuery(head.query, defaults);
    if (!('topK' in query)) {
      exchange.refuse('INVALID_QUERY', query);
      return;
    }
    if (handler.isHopeless?.(head.contentLength) === true) {
      // Refusing it unread leaves the time to what was accepted: reading the rows costs more than scoring them.
      exchange.refuse('OVERLOADED');
      return;
    }
    const key = serving()?.experiment === undefined ? '' : head.header('x-experiment-key');
    bodies.read(exchange, head, new ScoreBody(handler, exchange, { query, key }));
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

  constructor(handler: RequestHandler, exchange: Exchange, head: ScoreHead) {
    this.#handler = handler;
    this.#exchange = exchange;
    this.#head = head;
  }

  onBytes(bytes: Uint8Array): boolean {
    const { query, key } = this.#head;
    if (query !== PLAIN_QUERY) return false;
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

  onBodyRefused({ code, ...options }: BodyRefusal): void {
    this.#exchange.refuse(code, options);
  }
}
