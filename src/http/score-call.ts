/** `/score` and `/score_batch` as the batcher sees them: rows to write, scores to answer. */
import { randomUUID } from 'node:crypto';
import type { ModelMetrics } from '../telemetry/metrics.js';
import type { PredictionLog } from '../telemetry/log.js';
import type { Distribution } from '../telemetry/counts.js';
import type { Batch, PendingRequest } from '../scoring/batcher.js';
import type { LaneKind } from '../scoring/lane.js';
import type { Shadow, ShadowQueue } from '../scoring/shadow.js';
import type { AnswerWriter } from './answer.js';
import type { Exchange } from './exchange.js';
import type { FeatureOrder } from './feature-order.js';
import type { ScoreQuery } from './query.js';
import type { ScoreRequest } from './schemas.js';

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

/** The answer of a batch, put together from its rows' answers: in an experiment they come from two models. */
export class BatchAnswer {
  readonly #parts: string[];
  #left: number;

  constructor(rows: number) {
    this.#parts = Array.from({ length: rows });
    this.#left = rows;
  }

  /** @returns the whole answer with its last row, else undefined */
  add(place: number, answer: string): string | undefined {
    this.#parts[place] = answer;
    this.#left--;
    return this.#left === 0 ? `[${this.#parts.join()}]` : undefined;
  }
}

export class ScoreCall implements PendingRequest {
  readonly kind: LaneKind;
  readonly #requestIds: readonly string[];

  /**
   * @param orders where each row's features stand, by the model's own
   * @param arrived performance.now() milliseconds, when the last byte of the body came
   * @param batch undefined: the answer is the one row's own object
   * @param places of the rows in `batch`; undefined: they are all of it
   */
  constructor(
    private readonly exchange: Exchange,
    private readonly context: CallContext,
    private readonly requests: readonly ScoreRequest[],
    private readonly orders: readonly FeatureOrder[],
    private readonly query: ScoreQuery,
    private readonly arrived: number,
    readonly deadline: number,
    private readonly batch?: BatchAnswer,
    private readonly places?: readonly number[],
  ) {
    this.kind = query.explain === 'shap' ? 'explain' : 'score';
    this.#requestIds = requests.map(({ request_id }) => JSON.stringify(request_id ?? randomUUID()));
  }

  get rowCount(): number {
    return this.requests.length;
  }

  get settled(): boolean {
    return this.exchange.over;
  }

  writeRow(row: number, target: Float64Array, offset: number): void {
    const { features } = this.requests[row];
    const order = this.orders[row];
    const count = order === null ? features.length : order.length;
    for (let i = 0; i < count; i++) {
      const value = features[order === null ? i : order[i]];
      target[offset + i] = value === null ? NaN : value;
    }
  }

  scored(row: number, batch: Batch, laneRow: number): void {
    if (this.exchange.over) return;
    const score = batch.lane.calibrated[laneRow];
    if (!Number.isFinite(score)) {
      this.exchange.refuse('INTERNAL', { detail: 'The score is not a finite number.', ...this.#problemId(row) });
      return;
    }
    const elapsed = performance.now() - this.arrived;
    const milliseconds = Math.trunc(elapsed);
    const { context } = this;
    const answer = context.answers.write(batch, laneRow, this.query, this.#requestIds[row], milliseconds);
    context.metrics.scored(score);
    context.predictions.append(this.#requestIds[row], score, milliseconds, context.modelVersion);
    if (context.shadow !== undefined) context.shadow.queue.offer(context.shadow.of, batch, laneRow);
    const whole = this.batch === undefined ? answer : this.batch.add(this.places === undefined ? row : this.places[row], answer);
    if (whole === undefined) return;
    context.durations.observe(elapsed / 1000);
    this.exchange.json(whole);
  }

  failed(reason: 'deadline' | 'worker'): void {
    this.exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL', this.#problemId(0));
  }

  #problemId(row: number): { requestId?: string } {
    return this.batch === undefined ? { requestId: JSON.parse(this.#requestIds[row]) as string } : {};
  }
}
