/** `/score` and `/score_batch` as the batcher sees them: rows to write, scores to answer. */
import { randomUUID } from 'node:crypto';
import type { ModelMetrics } from '../telemetry/metrics.js';
import type { PredictionLog } from '../telemetry/log.js';
import type { Distribution } from '../telemetry/counts.js';
import type { Batch, PendingRequest } from '../scoring/batcher.js';
import type { LaneKind } from '../scoring/lane.js';
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
}

export class ScoreCall implements PendingRequest {
  readonly kind: LaneKind;
  readonly #requestIds: readonly string[];
  readonly #parts: string[];
  #left: number;

  /**
   * @param orders where each row's features stand
   * @param arrived performance.now() milliseconds, when the last byte of the body came
   * @param single the answer is the row's own object, not an array
   */
  constructor(
    private readonly exchange: Exchange,
    private readonly context: CallContext,
    private readonly requests: readonly ScoreRequest[],
    private readonly orders: readonly FeatureOrder[],
    private readonly query: ScoreQuery,
    private readonly arrived: number,
    readonly deadline: number,
    private readonly single: boolean,
  ) {
    this.kind = query.explain === 'shap' ? 'explain' : 'score';
    this.#requestIds = requests.map(({ request_id }) => JSON.stringify(request_id ?? randomUUID()));
    this.#parts = single ? [] : Array.from({ length: requests.length });
    this.#left = requests.length;
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
    for (let i = 0; i < features.length; i++) {
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
    this.#left--;
    if (this.single) {
      context.durations.observe(elapsed / 1000);
      this.exchange.json(answer);
      return;
    }
    this.#parts[row] = answer;
    if (this.#left > 0) return;
    context.durations.observe(elapsed / 1000);
    this.exchange.json(`[${this.#parts.join()}]`);
  }

  failed(reason: 'deadline' | 'worker'): void {
    this.exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL', this.#problemId(0));
  }

  #problemId(row: number): { requestId?: string } {
    return this.single ? { requestId: JSON.parse(this.#requestIds[row]) as string } : {};
  }
}
