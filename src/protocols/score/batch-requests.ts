/** Bodies of `POST /score_batch`: a list of rows, answered by a list. */
import { DEFAULT_QUERY, type ScoreQuery } from '../../contract/query.js';
import type { ScoreRequest } from '../../contract/schemas.js';
import { validateScoreBatchRequest } from '../../contract/validators.generated.js';
import type { Exchange } from '../../http/exchange.js';
import type { FeatureOrder } from '../../model/feature-order.js';
import type { RouteContext } from '../context.js';
import { BatchAnswer } from './batch-answer.js';
import type { CurrentVariants } from './current-variants.js';
import { FeatureMismatch } from './feature-names.js';
import { PlainBatchCall } from './plain-call.js';
import { type RequestForm, parseBody } from './request-form.js';
import { BatchCall, type BatchRows } from './score-call.js';
import type { ModelFace, Variants } from './variants.js';

/** An answer stands in one piece of memory until it is sent, for some requests as one string. */
const MAX_ANSWER_CHARACTERS = 64 * 2 ** 20;

export class BatchRequests implements RequestForm {
  readonly #context: RouteContext;
  readonly #variants: CurrentVariants;

  constructor(context: RouteContext, variants: CurrentVariants) {
    this.#context = context;
    this.#variants = variants;
  }

  takePlain(exchange: Exchange, bytes: Uint8Array, key: string): boolean {
    const variants = this.#variants.now();
    // Rows that go to different models are read by `take`.
    if (variants === undefined || (key === '' && variants.byRow)) return false;
    const { reader } = this.#variants;
    const arrived = this.#context.clock.now();
    const rows = reader.readBatch(bytes);
    // An answer that could be too large is refused by `take`, in its words.
    if (rows === 0 || answerCharacters(variants, DEFAULT_QUERY, rows) > MAX_ANSWER_CHARACTERS) return false;
    const { model, columns, context } = variants.choose(key, DEFAULT_QUERY);
    const order = columns === undefined ? null : columns.of(null);
    const call = new PlainBatchCall(exchange, context, reader, order, { rows, arrived });
    if (!this.#context.batcher.admit(call, model)) exchange.refuse('OVERLOADED');
    return true;
  }

  take(exchange: Exchange, text: string, query: ScoreQuery, key: string): void {
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
      key === '' && variants.byRow
        ? this.#sendByRow(exchange, rows, variants)
        : this.#send(exchange, rows, variants.choose(key, query));
    if (!admitted) exchange.refuse('OVERLOADED');
  }

  #refuseTooMany(exchange: Exchange, rows: number): boolean {
    const { maxBatchRows } = this.#context.config.http;
    if (rows <= maxBatchRows) return false;
    exchange.refuse('BATCH_TOO_LARGE', { detail: `The batch has ${rows} rows; this server accepts ${maxBatchRows}.` });
    return true;
  }

  /** @returns whether the queue has room for the rows */
  #send(exchange: Exchange, rows: BatchRows, { model, columns, context }: ModelFace): boolean {
    const orders = columns === undefined ? rows.orders : rows.orders.map((order) => columns.of(order));
    return this.#context.batcher.admit(new BatchCall(exchange, context, { ...rows, orders }), model);
  }

  /** Each row of a batch goes to the model that its own request_id draws, as it would alone. */
  #sendByRow(exchange: Exchange, { requests, orders, ...rest }: BatchRows, variants: Variants): boolean {
    const drawn = new Map<ModelFace, number[]>();
    requests.forEach(({ request_id }, row) => {
      const face = variants.choose(request_id, rest.query);
      const places = drawn.get(face);
      if (places === undefined) drawn.set(face, [row]);
      else places.push(row);
    });
    for (const [face, places] of drawn) {
      const part: BatchRows = {
        ...rest,
        requests: places.map((row) => requests[row]),
        orders: places.map((row) => orders[row]),
        places,
      };
      // Where the queue has no room for the rest, the whole batch is refused, and the rows already queued are dropped.
      if (!this.#send(exchange, part, face)) return false;
    }
    return true;
  }
}

/** Most characters of the answer to `rows` rows. */
function answerCharacters({ champion }: Variants, query: ScoreQuery, rows: number): number {
  return rows * champion.context.answers.mostCharacters(query);
}

/** The order of each request's features; undefined where one does not match, and the batch is refused. */
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
