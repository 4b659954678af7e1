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
import type { FeatureOrder } from './feature-names.js';
import type { ScoreQuery } from '../../contract/query.js';
import type { ScoreRequest } from '../../contract/schemas.js';

/** What calls need of the model they were admitted for, and of the server. */
export interface CallContext {
  readonly answers: AnswerWriter;
  /** The model version as JSON. */
  readonly modelVersion: string;
  readonly metrics: ModelMetrics;
  readonly durations: Distribution;
  readonly predictions: PredictionLog;
  /** Who scores these rows as well, without being asked. */
  readonly shadow: { readonly of: Shadow; readonly queue: ShadowQueue } | undefined;
}

/** `POST /score`: one row, answered by its own object. */
export class SingleCall implements PendingRequest {
  readonly kind: LaneKind;
  readonly rowCount = 1;
  readonly #requestId: string;

  /**
   * @param order where the features stand, by the model's own
   * @param arrived performance.now() milliseconds, when the last byte of the body came
   */
  constructor(
    private readonly exchange: Exchange,
    private readonly context: CallContext,
    private readonly request: ScoreRequest,
    private readonly order: FeatureOrder,
    private readonly query: ScoreQuery,
    private readonly arrived: number,
    readonly deadline: number,
  ) {
    this.kind = query.explain === 'shap' ? 'explain' : 'score';
    this.#requestId = idAsJson(request.request_id);
  }

  get settled(): boolean {
    return this.exchange.over;
  }

  writeRow(_row: number, lane: Lane, at: number): void {
    writeFeatures(this.request.features, this.order, lane, at);
  }

  scored(_row: number, batch: Batch, laneRow: number): void {
    if (this.exchange.over) return;
    const answer = answerRow(this.context, batch, laneRow, this.query, this.#requestId, this.arrived);
    if (answer === undefined) {
      this.exchange.fail(new RangeError(NOT_FINITE), { detail: NOT_FINITE, ...this.#problemId() });
      return;
    }
    this.context.durations.observe((batch.delivered - this.arrived) / 1000);
    this.exchange.json(answer);
  }

  failed(reason: 'deadline' | 'worker'): void {
    this.exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL', this.#problemId());
  }

  #problemId(): { requestId: string } {
    return { requestId: JSON.parse(this.#requestId) as string };
  }
}

/** `POST /score_batch`: the rows of a batch that one model scores. */
export class BatchCall implements PendingRequest {
  readonly kind: LaneKind;
  readonly #requestIds: readonly string[];

  /**
   * @param orders where each row's features stand, by the model's own
   * @param arrived performance.now() milliseconds, when the last byte of the body came
   * @param places of the rows in `answer`; undefined: they are all of it
   */
  constructor(
    private readonly exchange: Exchange,
    private readonly context: CallContext,
    private readonly requests: readonly ScoreRequest[],
    private readonly orders: readonly FeatureOrder[],
    private readonly query: ScoreQuery,
    private readonly arrived: number,
    readonly deadline: number,
    private readonly answer: BatchAnswer,
    private readonly places?: readonly number[],
  ) {
    this.kind = query.explain === 'shap' ? 'explain' : 'score';
    this.#requestIds = requests.map(({ request_id }) => idAsJson(request_id));
  }

  get rowCount(): number {
    return this.requests.length;
  }

  get settled(): boolean {
    return this.exchange.over;
  }

  writeRow(row: number, lane: Lane, at: number): void {
    writeFeatures(this.requests[row].features, this.orders[row], lane, at);
  }

  scored(row: number, batch: Batch, laneRow: number): void {
    if (this.exchange.over) return;
    const answer = answerRow(this.context, batch, laneRow, this.query, this.#requestIds[row], this.arrived);
    if (answer === undefined) {
      const detail = `Item ${this.places?.[row] ?? row}: ${NOT_FINITE}`;
      this.exchange.fail(new RangeError(detail), { detail });
      return;
    }
    const whole = this.answer.add(this.places === undefined ? row : this.places[row], answer);
    if (whole === undefined) return;
    this.context.durations.observe((batch.delivered - this.arrived) / 1000);
    this.exchange.json(whole);
  }

  failed(reason: 'deadline' | 'worker'): void {
    this.exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL');
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
