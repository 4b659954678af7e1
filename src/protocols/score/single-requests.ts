/** Handles `POST /score`: one row. */
import { PLAIN_QUERY, type ScoreQuery } from '../../contract/query.js';
import { validateScoreRequest } from '../../contract/validators.generated.js';
import type { Exchange } from '../../http/exchange.js';
import type { RouteContext } from '../context.js';
import type { CurrentVariants } from './current-variants.js';
import { FeatureMismatch } from './feature-names.js';
import { PlainCall } from './plain-call.js';
import { type RequestHandler, parseBody, requestIdOf } from './request-handler.js';
import { SingleCall, observeRefusal } from './score-call.js';

export class SingleRequests implements RequestHandler {
  readonly #context: RouteContext;
  readonly #variants: CurrentVariants;

  constructor(context: RouteContext, variants: CurrentVariants) {
    this.#context = context;
    this.#variants = variants;
  }

  handlePlain(exchange: Exchange, bytes: Uint8Array, key: string): boolean {
    const variants = this.#variants.now();
    const { reader } = this.#variants;
    if (variants === undefined || !reader.readSingle(bytes)) return false;
    const arrived = this.#context.clock.now();
    const experimentKey = key !== '' || !variants.dependsOnKey ? key : reader.requestId;
    const { model, columns, context } = variants.choose(experimentKey, PLAIN_QUERY);
    const call = new PlainCall(exchange, context, reader, columns === undefined ? null : columns.of(null), arrived);
    if (!this.#context.batcher.admit(call, model)) {
      observeRefusal(context, arrived);
      exchange.refuse('OVERLOADED', requestIdOf({ request_id: reader.requestId }));
    }
    return true;
  }

  handle(exchange: Exchange, text: string, query: ScoreQuery, key: string): void {
    const arrived = this.#context.clock.now();
    const request = parseBody(exchange, text, validateScoreRequest);
    if (request === undefined) return;
    const variants = this.#variants.ready(exchange, query, request);
    if (variants === undefined) return;
    const order = variants.names.resolve(request);
    if (order instanceof FeatureMismatch) {
      exchange.refuse(order.code, { ...order.options, ...requestIdOf(request) });
      return;
    }
    const { model, columns, context } = variants.choose(key === '' ? (request.request_id ?? undefined) : key, query);
    const own = columns === undefined ? order : columns.of(order);
    const call = new SingleCall(exchange, context, { request, order: own, query, arrived });
    if (this.#context.batcher.admit(call, model)) return;
    observeRefusal(context, arrived);
    exchange.refuse('OVERLOADED', requestIdOf(request));
  }
}
