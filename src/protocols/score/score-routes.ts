/** `POST /score` and `POST /score_batch`: from headers and body to rows admitted for scoring, or to the one refusal. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Access } from '../../http/access.js';
import type { Served } from '../../http/http-server.js';
import { BatchAnswer } from './batch-answer.js';
import type { BodyReader, BodyTaker } from '../../http/body.js';
import type { Exchange } from '../../http/exchange.js';
import { FeatureMismatch, type FeatureOrder } from './feature-names.js';
import { explainMalformedJson, explainMismatch } from '../../contract/mismatch.js';
import type { ProblemCode } from '../../contract/problem.js';
import { DEFAULT_QUERY, type ScoreQuery, parseScoreQuery } from '../../contract/query.js';
import { CEILING, type ScoreRequest } from '../../contract/schemas.js';
import type { RequestReader } from './request-reader.js';
import { PlainBatchCall, PlainCall } from './plain-call.js';
import { BatchCall, SingleCall } from './score-call.js';
import { type ModelFace, type Variants, variantsOf } from './variants.js';
import {
  type Validator,
  validateScoreBatchRequest,
  validateScoreRequest,
} from '../../contract/validators.generated.js';

/** An answer stands in one piece of memory until it is sent, for some requests as one string. */
const MOST_ANSWER_CHARACTERS = 64 * 2 ** 20;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

export class ScoreRoutes {
  #variants: Variants | undefined;

  constructor(
    private readonly served: Served,
    private readonly bodies: BodyReader,
    private readonly access: Access,
    private readonly reader: RequestReader,
  ) {}

  score(exchange: Exchange, req: HttpRequest, res: HttpResponse): void {
    this.#receive(exchange, req, res, true);
  }

  scoreBatch(exchange: Exchange, req: HttpRequest, res: HttpResponse): void {
    this.#receive(exchange, req, res, false);
  }

  /** Everything that can be refused from the headers alone, then the body. */
  #receive(exchange: Exchange, req: HttpRequest, res: HttpResponse, single: boolean): void {
    if (this.access.refuseScoring(exchange, req, res)) return;
    const contentType = req.getHeader('content-type');
    // No type at all is taken for JSON, as the Python service did.
    if (contentType !== 'application/json' && contentType !== '' && !JSON_TYPE.test(contentType)) {
      exchange.refuse('UNSUPPORTED_MEDIA_TYPE');
      return;
    }
    // Undefined where there is none, whatever its types say.
    const query = parseScoreQuery(req.getQuery() ?? '');
    if (!('topK' in query)) {
      exchange.refuse('INVALID_QUERY', query);
      return;
    }
    const key = this.served.serving()?.experiment === undefined ? '' : req.getHeader('x-experiment-key');
    const length = req.getHeader('content-length');
    this.bodies.read(
      res,
      exchange,
      length === '' ? NaN : Number(length),
      new ScoreBody(this, exchange, query, key, single),
    );
  }

  bodyRefused(exchange: Exchange, code: ProblemCode, keepsConnection: boolean): void {
    exchange.refuse(code, {
      keepsConnection,
      ...(code === 'BODY_TOO_LARGE' && {
        detail: `The body is larger than ${this.served.config.http.maxBodyBytes} bytes.`,
      }),
    });
  }

  /**
   * Requests as nearly all clients send them: read and answered by the kernel. Every other one, right or wrong, is
   * `bodyArrived`'s.
   * @returns whether it was taken
   */
  plainArrived(exchange: Exchange, bytes: Uint8Array, query: ScoreQuery, key: string, single: boolean): boolean {
    if (query !== DEFAULT_QUERY) return false;
    try {
      const variants = this.#variantsNow();
      if (variants === undefined) return false;
      return single
        ? this.#takeSingle(exchange, bytes, key, variants)
        : this.#takeBatch(exchange, bytes, key, variants);
    } catch (error) {
      exchange.fail(error);
      return true;
    }
  }

  #takeSingle(exchange: Exchange, bytes: Uint8Array, key: string, variants: Variants): boolean {
    const { reader, served } = this;
    if (!reader.readSingle(bytes)) return false;
    const arrived = served.clock.now();
    const { model, columns, context } = variants.choose(
      key !== '' || !variants.byRow ? key : reader.requestId,
      DEFAULT_QUERY,
    );
    const call = new PlainCall(
      exchange,
      context,
      reader,
      columns === undefined ? null : columns.of(null),
      arrived,
      arrived + served.config.http.requestTimeoutMs,
    );
    if (!served.batcher.admit(call, model))
      exchange.refuse('OVERLOADED', requestIdOf({ request_id: reader.requestId }));
    return true;
  }

  #takeBatch(exchange: Exchange, bytes: Uint8Array, key: string, variants: Variants): boolean {
    const { reader, served } = this;
    // Rows that go to different models are the host's.
    if (key === '' && variants.byRow) return false;
    const arrived = served.clock.now();
    const rows = reader.readBatch(bytes);
    // Refused by the host, with its words.
    if (rows === 0 || rows * variants.champion.context.answers.mostCharacters(DEFAULT_QUERY) > MOST_ANSWER_CHARACTERS)
      return false;
    const { model, columns, context } = variants.choose(key, DEFAULT_QUERY);
    const call = new PlainBatchCall(
      exchange,
      context,
      reader,
      columns === undefined ? null : columns.of(null),
      rows,
      arrived,
      arrived + served.config.http.requestTimeoutMs,
    );
    if (!served.batcher.admit(call, model)) exchange.refuse('OVERLOADED');
    return true;
  }

  bodyArrived(exchange: Exchange, text: string, query: ScoreQuery, key: string, single: boolean): void {
    try {
      if (single) this.#scoreOne(exchange, text, query, key);
      else this.#scoreAll(exchange, text, query, key);
    } catch (error) {
      exchange.fail(error);
    }
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

  #scoreOne(exchange: Exchange, text: string, query: ScoreQuery, key: string): void {
    const arrived = this.served.clock.now();
    const request = this.#parse(exchange, text, validateScoreRequest);
    if (request === undefined) return;
    const variants = this.#ready(exchange, query, request);
    if (variants === undefined) return;
    const order = variants.names.resolve(request);
    if (order instanceof FeatureMismatch) {
      exchange.refuse(order.code, { ...order.options, ...requestIdOf(request) });
      return;
    }
    const { model, columns, context } = variants.choose(key === '' ? request.request_id : key, query);
    const own = columns === undefined ? order : columns.of(order);
    const call = new SingleCall(
      exchange,
      context,
      request,
      own,
      query,
      arrived,
      arrived + this.served.config.http.requestTimeoutMs,
    );
    if (!this.served.batcher.admit(call, model)) exchange.refuse('OVERLOADED', requestIdOf(request));
  }

  #scoreAll(exchange: Exchange, text: string, query: ScoreQuery, key: string): void {
    const arrived = this.served.clock.now();
    const requests = this.#parse(exchange, text, validateScoreBatchRequest);
    if (requests === undefined) return;
    const { maxBatchRows } = this.served.config.http;
    if (requests.length > maxBatchRows) {
      exchange.refuse('BATCH_TOO_LARGE', {
        detail: `The batch has ${requests.length} rows; this server accepts ${maxBatchRows}.`,
      });
      return;
    }
    const variants = this.#ready(exchange, query);
    if (variants === undefined) return;
    if (requests.length * variants.champion.context.answers.mostCharacters(query) > MOST_ANSWER_CHARACTERS) {
      exchange.refuse('BATCH_TOO_LARGE', {
        detail: `The answer could be larger than ${MOST_ANSWER_CHARACTERS / 2 ** 20} MiB: send fewer rows, or ask for a smaller top_k.`,
      });
      return;
    }
    const orders: FeatureOrder[] = [];
    for (let i = 0; i < requests.length; i++) {
      const order = variants.names.resolve(requests[i]);
      if (order instanceof FeatureMismatch) {
        const { code, options } = order.inBatch(i);
        exchange.refuse(code, options);
        return;
      }
      orders.push(order);
    }
    const call: Call = { exchange, requests, orders, query, arrived, answer: new BatchAnswer(requests.length) };
    const admitted =
      key === '' && variants.byRow ? this.#sendByRow(call, variants) : this.#send(call, variants.choose(key, query));
    if (!admitted) exchange.refuse('OVERLOADED');
  }

  /** The models that answer now, or a refusal. */
  #ready(exchange: Exchange, query: ScoreQuery, request?: ScoreRequest): Variants | undefined {
    const variants = this.#variantsNow();
    if (variants === undefined) {
      exchange.refuse('NOT_READY', requestIdOf(request));
      return undefined;
    }
    if (query.explain === 'shap' && !variants.champion.model.explainable) {
      exchange.refuse('EXPLAIN_UNSUPPORTED', requestIdOf(request));
      return undefined;
    }
    return variants;
  }

  #variantsNow(): Variants | undefined {
    const serving = this.served.serving();
    if (serving === undefined) return undefined;
    if (this.#variants?.serving !== serving) {
      this.#variants = variantsOf(serving, this.served);
      this.reader.expect(serving.requestNames);
    }
    return this.#variants;
  }

  #send(
    { exchange, requests, orders, query, arrived, answer }: Call,
    { model, columns, context }: ModelFace,
    places?: readonly number[],
  ): boolean {
    const own = columns === undefined ? orders : orders.map((order) => columns.of(order));
    const call = new BatchCall(
      exchange,
      context,
      requests,
      own,
      query,
      arrived,
      arrived + this.served.config.http.requestTimeoutMs,
      answer,
      places,
    );
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
    for (const [face, places] of rows) {
      const part = {
        ...call,
        requests: places.map((row) => call.requests[row]),
        orders: places.map((row) => call.orders[row]),
      };
      // Where the queue has no room for the rest, the whole batch is refused, and the rows that have been queued are
      // dropped.
      if (!this.#send(part, face, places)) return false;
    }
    return true;
  }
}

/** A scoring request whose body is on its way. */
class ScoreBody implements BodyTaker {
  constructor(
    private readonly routes: ScoreRoutes,
    private readonly exchange: Exchange,
    private readonly query: ScoreQuery,
    private readonly key: string,
    private readonly single: boolean,
  ) {}

  onBytes(bytes: Uint8Array): boolean {
    return this.routes.plainArrived(this.exchange, bytes, this.query, this.key, this.single);
  }

  onBody(text: string): void {
    this.routes.bodyArrived(this.exchange, text, this.query, this.key, this.single);
  }

  onBodyRefused(code: ProblemCode, inStep: boolean): void {
    this.routes.bodyRefused(this.exchange, code, inStep);
  }
}

/** A batch whose rows are in order. */
interface Call {
  readonly exchange: Exchange;
  readonly requests: readonly ScoreRequest[];
  /** By the names of requests. */
  readonly orders: readonly FeatureOrder[];
  readonly query: ScoreQuery;
  /** performance.now() milliseconds. */
  readonly arrived: number;
  readonly answer: BatchAnswer;
}

function requestIdOf(body: unknown): { requestId?: string } {
  const id: unknown =
    typeof body === 'object' && body !== null && Object.hasOwn(body, 'request_id')
      ? Reflect.get(body, 'request_id')
      : undefined;
  return typeof id === 'string' && id.length <= CEILING.requestIdLength ? { requestId: id } : {};
}
