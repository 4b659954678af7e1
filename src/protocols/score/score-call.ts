/** Requests on the general path, as the batcher sees them: it has them write their rows and answer with the scores. */
import { randomUUID } from 'node:crypto';
import type { ModelMetrics } from '../../telemetry/model-metrics.js';
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
import { batchLogFields, rowLogFields } from './log-fields.js';

/** What calls need of the model that scores them, and of the server. */
export interface CallContext {
  readonly answers: AnswerWriter;
  /** The model version as JSON. */
  readonly modelVersion: string;
  readonly metrics: ModelMetrics;
  readonly durations: Distribution;
  /** How long a request may wait to be scored, in milliseconds from the last byte of its body. */
  readonly timeoutMs: number;
  readonly predictions: PredictionLog;
  /** The challenger that scores the same rows in the shadow of the champion; its scores are not sent to clients. */
  readonly shadow: { readonly of: Shadow; readonly queue: ShadowQueue } | undefined;
}

/** The row of a request of `POST /score`. */
export interface SingleRow {
  readonly request: ScoreRequest;
  /** Position of each of the model's features in the request. */
  readonly order: FeatureOrder;
  readonly query: ScoreQuery;
  /** When the last byte of the body arrived, in milliseconds of performance.now(). */
  readonly arrived: number;
}

/** A request of `POST /score`: one row. */
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
    this.#requestId = idAsJson(row.request.request_id ?? exchange.requestId);
  }

  get settled(): boolean {
    return this.#exchange.finished;
  }

  writeRow(_row: number, lane: Lane, at: number): void {
    writeFeatures(this.#row.request.features, this.#row.order, lane, at);
  }

  scored(_row: number, batch: Batch, laneRow: number): void {
    if (this.#exchange.finished) return;
    const answer = answerRow(
      this.#context,
      batch,
      laneRow,
      this.#row.query,
      this.#requestId,
      this.#row.arrived,
      rowLogFields(this.#exchange),
    );
    if (answer === undefined) {
      this.#exchange.refuse('SCORE_NOT_FINITE', { detail: notFinite(batch, laneRow), ...this.#problemId() });
      return;
    }
    this.#context.durations.observe((batch.delivered - this.#row.arrived) / 1000);
    this.#exchange.json(answer);
  }

  failed(reason: 'deadline' | 'worker'): void {
    if (this.#exchange.finished) return;
    observeRefusal(this.#context, this.#row.arrived);
    this.#exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL', this.#problemId());
  }

  #problemId(): { requestId: string } {
    return { requestId: JSON.parse(this.#requestId) as string };
  }
}

/** The rows of one request of `POST /score_batch` that the same model scores. */
export interface BatchRows {
  readonly requests: readonly ScoreRequest[];
  /** For each row, the position of each of the model's features in it. */
  readonly orders: readonly FeatureOrder[];
  readonly query: ScoreQuery;
  /** When the last byte of the body arrived, in milliseconds of performance.now(). */
  readonly arrived: number;
  /** Collects the answers of all rows of the request, whichever model scores them. */
  readonly answer: BatchAnswer;
  /** Positions of the rows in the request; undefined if these are all of its rows. */
  readonly positions?: readonly number[];
}

/** The rows of one request of `POST /score_batch` that the same model scores. */
export class BatchCall implements PendingRequest {
  readonly kind: LaneKind;
  readonly deadline: number;
  readonly #exchange: Exchange;
  readonly #context: CallContext;
  readonly #rows: BatchRows;
  readonly #requestIds: readonly string[];
  readonly #logFields: string;

  constructor(exchange: Exchange, context: CallContext, rows: BatchRows) {
    this.kind = rows.query.explain === 'shap' ? 'explain' : 'score';
    this.deadline = rows.arrived + context.timeoutMs;
    this.#exchange = exchange;
    this.#context = context;
    this.#rows = rows;
    this.#logFields = batchLogFields(exchange);
    this.#requestIds = rows.requests.map(({ request_id }) => idAsJson(request_id ?? undefined));
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
      this.#logFields,
    );
    if (answer === undefined) {
      const detail = `Item ${this.#rows.positions?.[row] ?? row}: ${notFinite(batch, laneRow)}`;
      this.#exchange.refuse('SCORE_NOT_FINITE', { detail });
      return;
    }
    const { positions } = this.#rows;
    const whole = this.#rows.answer.add(positions === undefined ? row : positions[row], answer);
    if (whole === undefined) return;
    this.#context.durations.observe((batch.delivered - this.#rows.arrived) / 1000);
    this.#exchange.json(whole);
  }

  failed(reason: 'deadline' | 'worker'): void {
    if (this.#exchange.finished) return;
    observeRefusal(this.#context, this.#rows.arrived);
    this.#exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL');
  }
}

/** Why a row has no answer. */
export function notFinite({ lane }: Batch, laneRow: number): string {
  const raw = lane.raw[laneRow];
  if (!Number.isFinite(raw)) return `The raw score is ${raw}, and not a finite number.`;
  return Number.isFinite(lane.calibrated[laneRow])
    ? 'A contribution to the score is not a finite number.'
    : 'The score is not a finite number.';
}

/** Requests that are given up, or refused because the queue is full, count among the durations: overload shows. */
export function observeRefusal({ durations }: CallContext, arrived: number): void {
  durations.observe((performance.now() - arrived) / 1000);
}

/** Matches ids of characters that JSON does not escape. */
const PLAIN = /^[\w.:/ -]*$/;

export function idAsJson(id: string | undefined): string {
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
      target[offset + i] = value === null ? NaN : Number(value);
    }
    return;
  }
  for (let i = 0; i < order.length; i++) {
    const value = features[order[i]];
    target[offset + i] = value === null ? NaN : Number(value);
  }
}

/** Counts and logs one scored row, and returns its answer; undefined if it has numbers that are not finite. */
export function answerRow(
  context: CallContext,
  batch: Batch,
  laneRow: number,
  query: ScoreQuery,
  requestId: string,
  arrived: number,
  logFields: string,
): string | undefined {
  const { lane } = batch;
  const score = lane.calibrated[laneRow];
  if (!Number.isFinite(score) || !Number.isFinite(lane.raw[laneRow])) return undefined;
  if (query.explain === 'shap' && !hasFiniteContributions(lane, laneRow)) return undefined;
  const milliseconds = Math.trunc(batch.delivered - arrived);
  context.metrics.scored(score);
  context.predictions.append(requestId, score, milliseconds, context.modelVersion, batch.delivered, logFields);
  if (context.shadow !== undefined) context.shadow.queue.offer(context.shadow.of, batch, laneRow);
  return context.answers.write(batch, laneRow, query, requestId, milliseconds);
}

function hasFiniteContributions({ contributions, plan }: Lane, laneRow: number): boolean {
  const width = plan.features + 1;
  for (let i = laneRow * width; i < (laneRow + 1) * width; i++) if (!Number.isFinite(contributions[i])) return false;
  return true;
}
