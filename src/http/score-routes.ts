/** `POST /score` and `POST /score_batch`: from headers and body to rows admitted for scoring, or to the one refusal. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Access } from './access.js';
import type { Served } from './acceptor.js';
import type { BodyReader } from './body.js';
import type { Exchange } from './exchange.js';
import { FeatureMismatch, type FeatureOrder } from './feature-order.js';
import { explainMalformedJson, explainMismatch } from './mismatch.js';
import { type ScoreQuery, parseScoreQuery } from './query.js';
import { CEILING, type ScoreRequest } from './schemas.js';
import { BatchAnswer, ScoreCall } from './score-call.js';
import { type ModelFace, type Variants, variantsOf } from './variants.js';
import { type Validator, validateScoreBatchRequest, validateScoreRequest } from './validators.generated.js';

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

export class ScoreRoutes {
  #variants: Variants | undefined;

  constructor(
    private readonly served: Served,
    private readonly bodies: BodyReader,
    private readonly access: Access,
  ) {}

  score(exchange: Exchange, req: HttpRequest, res: HttpResponse): void {
    this.#receive(exchange, req, res, (text, query, key) => {
      const request = this.#parse(exchange, text, validateScoreRequest);
      if (request !== undefined) this.#admit(exchange, [request], query, key, true);
    });
  }

  scoreBatch(exchange: Exchange, req: HttpRequest, res: HttpResponse): void {
    this.#receive(exchange, req, res, (text, query, key) => {
      const requests = this.#parse(exchange, text, validateScoreBatchRequest);
      if (requests === undefined) return;
      const { maxBatchRows } = this.served.config.http;
      if (requests.length > maxBatchRows) exchange.refuse('BATCH_TOO_LARGE', { detail: `The batch has ${requests.length} rows; this server accepts ${maxBatchRows}.` });
      else this.#admit(exchange, requests, query, key, false);
    });
  }

  /** Everything that can be refused from the headers alone, then the body. */
  #receive(exchange: Exchange, req: HttpRequest, res: HttpResponse, onBody: (text: string, query: ScoreQuery, experimentKey: string) => void): void {
    if (this.access.refuseScoring(exchange, req, res)) return;
    const contentType = req.getHeader('content-type');
    // No type at all is taken for JSON, as the Python service did.
    if (contentType !== '' && contentType !== 'application/json' && !JSON_TYPE.test(contentType)) {
      exchange.refuse('UNSUPPORTED_MEDIA_TYPE');
      return;
    }
    const query = parseScoreQuery(req.getQuery());
    if (!('topK' in query)) {
      exchange.refuse('INVALID_QUERY', query);
      return;
    }
    const key = this.served.serving()?.experiment === undefined ? '' : req.getHeader('x-experiment-key');
    const length = req.getHeader('content-length');
    const forget = this.bodies.read(
      res,
      length === '' ? NaN : Number(length),
      (text) => {
        try {
          onBody(text, query, key);
        } catch (error) {
          this.served.logError(error, exchange.route);
          exchange.refuse('INTERNAL');
        }
      },
      (code) => exchange.refuse(code, code === 'BODY_TOO_LARGE' ? { detail: `The body is larger than ${this.served.config.http.maxBodyBytes} bytes.` } : {}),
    );
    exchange.whenOver(forget);
  }

  #parse<T>(exchange: Exchange, text: string, validate: Validator<T>): T | undefined {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (error) {
      exchange.refuse('MALFORMED_JSON', explainMalformedJson(text, error));
      return undefined;
    }
    if (validate(body)) return body;
    exchange.refuse('INVALID_BODY', { ...explainMismatch(validate.errors, body), ...requestIdOf(body) });
    return undefined;
  }

  #admit(exchange: Exchange, requests: readonly ScoreRequest[], query: ScoreQuery, key: string, single: boolean): void {
    const arrived = performance.now();
    const serving = this.served.serving();
    if (serving === undefined) {
      exchange.refuse('NOT_READY');
      return;
    }
    if (this.#variants?.serving !== serving) this.#variants = variantsOf(serving, this.served);
    const variants = this.#variants;
    const id = single ? requestIdOf(requests[0]) : {};
    if (query.explain === 'shap' && !variants.champion.model.explainable) {
      exchange.refuse('EXPLAIN_UNSUPPORTED', id);
      return;
    }
    const orders: FeatureOrder[] = [];
    for (let i = 0; i < requests.length; i++) {
      const order = variants.names.resolve(requests[i]);
      if (order instanceof FeatureMismatch) {
        const { code, options } = single ? order : order.inBatch(i);
        exchange.refuse(code, { ...options, ...id });
        return;
      }
      orders.push(order);
    }
    const call: Call = { exchange, requests, orders, query, arrived };
    const admitted = single
      ? this.#send(call, variants.choose(key === '' ? requests[0].request_id : key, query))
      : key === '' && variants.byRow
        ? this.#sendByRow(call, variants)
        : this.#send(call, variants.choose(key, query), new BatchAnswer(requests.length));
    if (!admitted) exchange.refuse('OVERLOADED', id);
  }

  #send({ exchange, requests, orders, query, arrived }: Call, { model, columns, context }: ModelFace, batch?: BatchAnswer, places?: readonly number[]): boolean {
    const own = columns === undefined ? orders : orders.map((order) => columns.of(order));
    const call = new ScoreCall(exchange, context, requests, own, query, arrived, arrived + this.served.config.http.requestTimeoutMs, batch, places);
    return this.served.batcher.admit(call, model);
  }

  /** Each row of a batch goes to the model that its own request_id draws, as it would alone. */
  #sendByRow(call: Call, variants: Variants): boolean {
    const rows = new Map<ModelFace, number[]>();
    call.requests.forEach(({ request_id }, row) => {
      const face = variants.choose(request_id, call.query);
      const list = rows.get(face);
      if (list === undefined) rows.set(face, [row]);
      else list.push(row);
    });
    const batch = new BatchAnswer(call.requests.length);
    for (const [face, places] of rows) {
      const part = { ...call, requests: places.map((row) => call.requests[row]), orders: places.map((row) => call.orders[row]) };
      // Where the queue has no room for the rest, the whole batch is refused, and the rows that have been queued are dropped.
      if (!this.#send(part, face, batch, places)) return false;
    }
    return true;
  }
}

/** A request whose rows are in order. */
interface Call {
  readonly exchange: Exchange;
  readonly requests: readonly ScoreRequest[];
  /** By the names of requests. */
  readonly orders: readonly FeatureOrder[];
  readonly query: ScoreQuery;
  /** performance.now() milliseconds. */
  readonly arrived: number;
}

function requestIdOf(body: unknown): { requestId?: string } {
  const id: unknown = typeof body === 'object' && body !== null && Object.hasOwn(body, 'request_id') ? Reflect.get(body, 'request_id') : undefined;
  return typeof id === 'string' && id.length <= CEILING.requestIdLength ? { requestId: id } : {};
}
