/** `POST /score` and `POST /score_batch`: from headers and body to rows admitted for scoring, or to the one refusal. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { ServedModel } from '../scoring/served-model.js';
import type { Access } from './access.js';
import type { Served } from './acceptor.js';
import { AnswerWriter } from './answer.js';
import type { BodyReader } from './body.js';
import type { Exchange } from './exchange.js';
import { FeatureMismatch, FeatureNames, type FeatureOrder } from './feature-order.js';
import { explainMalformedJson, explainMismatch } from './mismatch.js';
import { type ScoreQuery, parseScoreQuery } from './query.js';
import { CEILING, type ScoreRequest } from './schemas.js';
import { type CallContext, ScoreCall } from './score-call.js';
import { type Validator, validateScoreBatchRequest, validateScoreRequest } from './validators.generated.js';

/** What this acceptor prepares once for each model. */
interface ModelFace {
  readonly model: ServedModel;
  readonly names: FeatureNames;
  readonly context: CallContext;
}

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

export class ScoreRoutes {
  #face: ModelFace | undefined;

  constructor(
    private readonly served: Served,
    private readonly bodies: BodyReader,
    private readonly access: Access,
  ) {}

  score(exchange: Exchange, req: HttpRequest, res: HttpResponse): void {
    this.#receive(exchange, req, res, (text, query) => {
      const request = this.#parse(exchange, text, validateScoreRequest);
      if (request !== undefined) this.#admit(exchange, [request], query, true);
    });
  }

  scoreBatch(exchange: Exchange, req: HttpRequest, res: HttpResponse): void {
    this.#receive(exchange, req, res, (text, query) => {
      const requests = this.#parse(exchange, text, validateScoreBatchRequest);
      if (requests === undefined) return;
      const { maxBatchRows } = this.served.config.http;
      if (requests.length > maxBatchRows) exchange.refuse('BATCH_TOO_LARGE', { detail: `The batch has ${requests.length} rows; this server accepts ${maxBatchRows}.` });
      else this.#admit(exchange, requests, query, false);
    });
  }

  /** Everything that can be refused from the headers alone, then the body. */
  #receive(exchange: Exchange, req: HttpRequest, res: HttpResponse, onBody: (text: string, query: ScoreQuery) => void): void {
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
    const length = req.getHeader('content-length');
    const forget = this.bodies.read(
      res,
      length === '' ? NaN : Number(length),
      (text) => {
        try {
          onBody(text, query);
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

  #admit(exchange: Exchange, requests: readonly ScoreRequest[], query: ScoreQuery, single: boolean): void {
    const arrived = performance.now();
    const model = this.served.model();
    if (model === undefined) {
      exchange.refuse('NOT_READY');
      return;
    }
    const id = single ? requestIdOf(requests[0]) : {};
    if (query.explain === 'shap' && !model.explainable) {
      exchange.refuse('EXPLAIN_UNSUPPORTED', id);
      return;
    }
    const face = this.#faceOf(model);
    const orders: FeatureOrder[] = [];
    for (let i = 0; i < requests.length; i++) {
      const order = face.names.resolve(requests[i]);
      if (order instanceof FeatureMismatch) {
        const { code, options } = single ? order : order.inBatch(i);
        exchange.refuse(code, { ...options, ...id });
        return;
      }
      orders.push(order);
    }
    const { requestTimeoutMs } = this.served.config.http;
    const call = new ScoreCall(exchange, face.context, requests, orders, query, arrived, arrived + requestTimeoutMs, single);
    if (!this.served.batcher.admit(call, model)) exchange.refuse('OVERLOADED', id);
  }

  #faceOf(model: ServedModel): ModelFace {
    if (this.#face?.model === model) return this.#face;
    const { metrics, predictions } = this.served;
    const { card } = model;
    this.#face = {
      model,
      names: new FeatureNames(card.featureNames),
      context: {
        answers: new AnswerWriter(card),
        modelVersion: JSON.stringify(card.modelVersion),
        metrics: metrics.ofModel(card.modelVersion, 'champion'),
        durations: metrics.durations,
        predictions,
      },
    };
    return this.#face;
  }
}

function requestIdOf(body: unknown): { requestId?: string } {
  const id: unknown = typeof body === 'object' && body !== null && Object.hasOwn(body, 'request_id') ? Reflect.get(body, 'request_id') : undefined;
  return typeof id === 'string' && id.length <= CEILING.requestIdLength ? { requestId: id } : {};
}
