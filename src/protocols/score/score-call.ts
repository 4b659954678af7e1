/** `/score` and `/score_batch` as the batcher sees them: rows to write, scores to answer. */
import { randomUUID } from 'node:crypto';
import type { ModelMetrics } from '../../telemetry/metrics.js';
import type { PredictionLog } from '../../telemetry/log.js';
import type { Distribution } from '../../telemetry/counts.js';
import type { Batch, PendingRequest } from '../../scoring/batcher.js';
import type { Lane, LaneKind } from '../../scoring/lane.js';
import type { Shadow, ShadowQueue } from '../../scoring/shadow.js';
import type { AnswerWriter } from './answer.js';
import type { BatchAnswer } from './batch-answer.js';
import type { Exchange } from '../../http/exchange.js';
import type { FeatureOrder } from '../../model/feature-order.js';
import type { ScoreQuery } from '../../contract/query.js';
import type { ScoreRequest } from '../../contract/schemas.js';

/** What calls need of the model they were admitted for, and of the server. */
export interface CallContext {
  readonly answers: AnswerWriter;
  /** The model version as JSON. */
  readonly modelVersion: string;
  readonly metrics: ModelMetrics;
  readonly durations: Distribution;
  /** How long a request may wait to be scored, from the last byte of its body on, in milliseconds. */
  readonly timeoutMs: number;
  readonly predictions: PredictionLog;
  /** Who scores these rows as well, without being asked. */
  readonly shadow: { readonly of: Shadow; readonly queue: ShadowQueue } | undefined;
}

/** One row that was read from a body. */
export interface SingleRow {
  readonly request: ScoreRequest;
  /** Where the features stand, by the model's own. */
  readonly order: FeatureOrder;
  readonly query: ScoreQuery;
  /** performance.now() milliseconds, when the last byte of the body came. */
  readonly arrived: number;
}

/** `POST /score`: one row, answered by its own object. */
export class SingleCall implements PendingRequest {
  readonly kind: LaneKind;
  readonly rowCount = 1;
  readonly deadline: number;
  readonly #exchange: Exchange;
  readonly #context: CallContext;
  readonly #row: SingleRow;
  readonly #requestId: string;

  constructor(exchange: Exchange, context: CallContext, row: SingleRow) {
    this.kind = row.query.explain === 'shap' ? 'explain' : 'score';
    this.deadline = row.arrived + context.timeoutMs;
    this.#exchange = exchange;
    this.#context = context;
    this.#row = row;
    this.#requestId = idAsJson(row.request.request_id);
  }

  get settled(): boolean {
    return this.#exchange.finished;
  }

  writeRow(_row: number, lane: Lane, at: number): void {
    writeFeatures(this.#row.request.features, this.#row.order, lane, at);
  }

  scored(_row: number, batch: Batch, laneRow: number): void {
    if (this.#exchange.finished) return;
    const answer = answerRow(this.#context, batch, laneRow, this.#row.query, this.#requestId, this.#row.arrived);
    if (answer === undefined) {
      this.#exchange.fail(new RangeError(NOT_FINITE), { detail: NOT_FINITE, ...this.#problemId() });
      return;
    }
    this.#context.durations.observe((batch.delivered - this.#row.arrived) / 1000);
    this.#exchange.json(answer);
  }

  failed(reason: 'deadline' | 'worker'): void {
    this.#exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL', this.#problemId());
  }

  #problemId(): { requestId: string } {
    return { requestId: JSON.parse(this.#requestId) as string };
  }
}

/** The rows of a batch that one model scores. */
export interface BatchRows {
  readonly requests: readonly ScoreRequest[];
  /** Where each row's features stand, by the model's own. */
  readonly orders: readonly FeatureOrder[];
  readonly query: ScoreQuery;
  /** performance.now() milliseconds, when the last byte of the body came. */
  readonly arrived: number;
  /** Gathers the answers of all rows of the request, whichever model scores them. */
  readonly answer: BatchAnswer;
  /** Where the rows stand in `answer`; undefined: they are all of it. */
  readonly places?: readonly number[];
}

/** `POST /score_batch`: rows that one model scores. */
export class BatchCall implements PendingRequest {
  readonly kind: LaneKind;
  readonly deadline: number;
  readonly #exchange: Exchange;
  readonly #context: CallContext;
  readonly #rows: BatchRows;
  readonly #requestIds: readonly string[];

  constructor(exchange: Exchange, context: CallContext, rows: BatchRows) {
    this.kind = rows.query.explain === 'shap' ? 'explain' : 'score';
    this.deadline = rows.arrived + context.timeoutMs;
    this.#exchange = exchange;
    this.#context = context;
    this.#rows = rows;
    this.#requestIds = rows.requests.map(({ request_id }) => idAsJson(request_id));
  }

  get rowCount(): number {
    return this.#rows.requests.length;
  }

  get settled(): boolean {
    return this.#exchange.finished;
  }

  writeRow(row: number, lane: Lane, at: number): void {
    writeFeatures(this.#rows.requests[row].features, this.#rows.orders[row], lane, at);
  }

  scored(row: number, batch: Batch, laneRow: number): void {
    if (this.#exchange.finished) return;
    const answer = answerRow(
      this.#context,
      batch,
      laneRow,
      this.#rows.query,
      this.#requestIds[row],
      this.#rows.arrived,
    );
    if (answer === undefined) {
      const detail = `Item ${this.#rows.places?.[row] ?? row}: ${NOT_FINITE}`;
      this.#exchange.fail(new RangeError(detail), { detail });
      return;
    }
    const whole = this.#rows.answer.add(this.#rows.places === undefined ? row : this.#rows.places[row], answer);
    if (whole === undefined) return;
    this.#context.durations.observe((batch.delivered - this.#rows.arrived) / 1000);
    this.#exchange.json(whole);
  }

  failed(reason: 'deadline' | 'worker'): void {
    this.#exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL');
  }
}

export const NOT_FINITE = 'The score is not a finite number.';

/** Characters that JSON writes as they are. */
const PLAIN = /^[\w.:/ -]*$/;

function idAsJson(id: string | undefined): string {
  if (id === undefined) return `"${randomUUID()}"`;
  return PLAIN.test(id) ? `"${id}"` : JSON.stringify(id);
}

function writeFeatures(features: ScoreRequest['features'], order: FeatureOrder, lane: Lane, at: number): void {
  lane.clearId(at);
  const target = lane.rows;
  const offset = at * lane.plan.features;
  if (order === null) {
    for (let i = 0; i < features.length; i++) {
      const value = features[i];
      target[offset + i] = value === null ? NaN : value;
    }
    return;
  }
  for (let i = 0; i < order.length; i++) {
    const value = features[order[i]];
    target[offset + i] = value === null ? NaN : value;
  }
}

/** Counts and logs one scored row. Returns its answer; undefined where the score is no number that JSON could carry. */
export function answerRow(
  context: CallContext,
  batch: Batch,
  laneRow: number,
  query: ScoreQuery,
  requestId: string,
  arrived: number,
): string | undefined {
  const score = batch.lane.calibrated[laneRow];
  if (!Number.isFinite(score)) return undefined;
  const milliseconds = Math.trunc(batch.delivered - arrived);
  context.metrics.scored(score);
  context.predictions.append(requestId, score, milliseconds, context.modelVersion, batch.delivered);
  if (context.shadow !== undefined) context.shadow.queue.offer(context.shadow.of, batch, laneRow);
  return context.answers.write(batch, laneRow, query, requestId, milliseconds);
}
