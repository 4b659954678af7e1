/** Handles `POST /score_batch`: a list of rows, answered by a list. */
import { PLAIN_QUERY, type ScoreQuery } from '../../contract/query.js';
import type { ScoreRequest } from '../../contract/schemas.js';
import { validateScoreBatchRequest } from '../../contract/validators.generated.js';
import type { Exchange } from '../../http/exchange.js';
import type { FeatureOrder } from '../../model/feature-order.js';
import type { RouteContext } from '../context.js';
import { BatchAnswer } from './batch-answer.js';
import type { CurrentVariants } from './current-variants.js';
import { FeatureMismatch } from './feature-names.js';
import { PlainBatchCall } from './plain-call.js';
import { type RequestHandler, parseBody } from './request-handler.js';
import { BatchCall, type BatchRows, observeRefusal } from './score-call.js';
import type { Variant, Variants } from './variants.js';

/** Limit on an answer, which is held in memory as a whole until it is sent, on the general path as one string. */
const MAX_ANSWER_CHARACTERS = 64 * 2 ** 20;

/** A body that is not larger is read whatever the queue holds. */
const SMALL_BODY_BYTES = 65_536;

export class BatchRequests implements RequestHandler {
  readonly #context: RouteContext;
  readonly #variants: CurrentVariants;
  /** MAX_BATCH_ROWS, or fewer: what exceeds the queue by itself never fits. */
  readonly #maxRows: number;
  /** Of the latest batch: by it the rows of a body that has not been read are estimated. */
  #bytesPerRow = Infinity;

  constructor(context: RouteContext, variants: CurrentVariants) {
    const { http, scoring } = context.config;
    this.#context = context;
    this.#variants = variants;
    this.#maxRows = Math.min(http.maxBatchRows, scoring.queueRows);
  }

  isHopeless(contentLength: number): boolean {
    if (!(contentLength > SMALL_BODY_BYTES)) return false;
    const free = this.#context.config.scoring.queueRows - this.#context.batcher.waitingRows;
    return contentLength / this.#bytesPerRow > free;
  }

  handlePlain(exchange: Exchange, bytes: Uint8Array, key: string): boolean {
    const variants = this.#variants.now();
    // If the rows may go to different models, `handle` reads them.
    if (variants === undefined || (key === '' && variants.dependsOnKey)) return false;
    const { reader } = this.#variants;
    const arrived = this.#context.clock.now();
    const rows = reader.readBatch(bytes);
    if (rows > 0) this.#bytesPerRow = bytes.byteLength / rows;
    // If it has too many rows, or its answer could be too large, `handle` refuses the request.
    if (rows === 0 || rows > this.#maxRows || answerCharacters(variants, PLAIN_QUERY, rows) > MAX_ANSWER_CHARACTERS)
      return false;
    const { model, columns, context } = variants.choose(key, PLAIN_QUERY);
    const order = columns === undefined ? null : columns.of(null);
    const call = new PlainBatchCall(exchange, context, reader, order, { rows, arrived });
    if (!this.#context.batcher.admit(call, model)) {
      observeRefusal(context, arrived);
      exchange.refuse('OVERLOADED');
    }
    return true;
  }

  handle(exchange: Exchange, text: string, query: ScoreQuery, key: string): void {
    const arrived = this.#context.clock.now();
    const requests = parseBody(exchange, text, validateScoreBatchRequest);
    if (requests === undefined || this.#refuseTooMany(exchange, requests.length)) return;
    const variants = this.#variants.ready(exchange, query);
    if (variants === undefined) return;
    if (answerCharacters(variants, query, requests.length) > MAX_ANSWER_CHARACTERS) {
      const limit = `${MAX_ANSWER_CHARACTERS / 2 ** 20} MiB`;
      const detail = `The answer could be larger than ${limit}: send fewer rows, or ask for a smaller top_k.`;
      exchange.refuse('BATCH_TOO_LARGE', { detail });
      return;
    }
    const orders = resolveAll(exchange, requests, variants);
    if (orders === undefined) return;
    const rows: BatchRows = { requests, orders, query, arrived, answer: new BatchAnswer(requests.length) };
    const admitted =
      key === '' && variants.dependsOnKey
        ? this.#admitByRow(exchange, rows, variants)
        : this.#admit(exchange, rows, variants.choose(key, query));
    if (admitted) return;
    observeRefusal(variants.champion.context, arrived);
    exchange.refuse('OVERLOADED');
  }

  #refuseTooMany(exchange: Exchange, rows: number): boolean {
    if (rows <= this.#maxRows) return false;
    const detail = `The batch has ${rows} rows; this server accepts at most ${this.#maxRows}.`;
    exchange.refuse('BATCH_TOO_LARGE', { detail });
    return true;
  }

  /** @returns false if the queue is full */
  #admit(exchange: Exchange, rows: BatchRows, { model, columns, context }: Variant): boolean {
    const orders = columns === undefined ? rows.orders : rows.orders.map((order) => columns.of(order));
    return this.#context.batcher.admit(new BatchCall(exchange, context, { ...rows, orders }), model);
  }

  /**
   * Assigns each row of a batch to a model by its own request_id, as if it were sent alone.
   * @returns false if the queue is full
   */
  #admitByRow(exchange: Exchange, { requests, orders, ...rest }: BatchRows, variants: Variants): boolean {
    const assigned = new Map<Variant, number[]>();
    requests.forEach(({ request_id }, row) => {
      const variant = variants.choose(request_id ?? undefined, rest.query);
      const positions = assigned.get(variant);
      if (positions === undefined) assigned.set(variant, [row]);
      else positions.push(row);
    });
    for (const [variant, positions] of assigned) {
      const part: BatchRows = {
        ...rest,
        requests: positions.map((row) => requests[row]),
        orders: positions.map((row) => orders[row]),
        positions,
      };
      // If the queue cannot hold this part, the whole batch is refused, and the rows already queued are dropped.
      if (!this.#admit(exchange, part, variant)) return false;
    }
    return true;
  }
}

/** Upper bound of the characters of the answer to `rows` rows, without their request ids. */
function answerCharacters({ champion }: Variants, query: ScoreQuery, rows: number): number {
  return rows * champion.context.answers.maxCharacters(query);
}

/** Returns the order of each row's features; if one does not match, refuses the batch and returns undefined. */
function resolveAll(
  exchange: Exchange,
  requests: readonly ScoreRequest[],
  { names }: Variants,
): FeatureOrder[] | undefined {
  const orders: FeatureOrder[] = [];
  for (let i = 0; i < requests.length; i++) {
    const order = names.resolve(requests[i]);
    if (order instanceof FeatureMismatch) {
      const { code, options } = order.inBatch(i);
      exchange.refuse(code, options);
      return undefined;
    }
    orders.push(order);
  }
  return orders;
}
