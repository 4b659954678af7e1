/**
 * Requests on the fast path, as the batcher sees them: the kernel has read them and writes their answers. A row that it
 * leaves unanswered is answered by JavaScript.
 */
import { randomUUID } from 'node:crypto';
import type { Batch, PendingRequest } from '../../scoring/batcher.js';
import type { Lane } from '../../scoring/lane.js';
import { BatchAnswer } from './batch-answer.js';
import type { Exchange } from '../../http/exchange.js';
import type { FeatureOrder } from '../../model/feature-order.js';
import { DEFAULT_QUERY } from '../../contract/query.js';
import type { RequestReader } from './request-reader.js';
import { type CallContext, NOT_FINITE, answerRow } from './score-call.js';

/** A request of `POST /score`: one row. */
export class PlainCall implements PendingRequest {
  readonly kind = 'score';
  readonly rowCount = 1;
  /** The lane that holds the row and its request id, and the index in it. The batch keeps it until this is settled. */
  #lane: Lane | undefined;
  #at = 0;

  readonly deadline: number;
  readonly #exchange: Exchange;
  readonly #context: CallContext;
  readonly #reader: RequestReader;
  readonly #columns: FeatureOrder;
  readonly #arrived: number;

  /**
   * @param reader has just read this request
   * @param columns index of each of the model's features among those of the request; null if the orders are the same
   * @param arrived when the last byte of the body arrived, in milliseconds of performance.now()
   */
  constructor(exchange: Exchange, context: CallContext, reader: RequestReader, columns: FeatureOrder, arrived: number) {
    this.deadline = arrived + context.timeoutMs;
    this.#exchange = exchange;
    this.#context = context;
    this.#reader = reader;
    this.#columns = columns;
    this.#arrived = arrived;
  }

  get settled(): boolean {
    return this.#exchange.finished;
  }

  writeRow(row: number, lane: Lane, at: number): void {
    writePlainRow(this.#reader, row, this.#columns, lane, at);
    this.#lane = lane;
    this.#at = at;
  }

  scored(_row: number, batch: Batch, laneRow: number): void {
    const exchange = this.#exchange;
    const context = this.#context;
    const arrived = this.#arrived;
    if (exchange.finished) return;
    const answer = plainAnswer(context, batch, laneRow, arrived);
    if (answer === undefined) {
      exchange.fail(new RangeError(NOT_FINITE), { detail: NOT_FINITE, requestId: batch.lane.idOf(laneRow) });
      return;
    }
    context.durations.observe((batch.delivered - arrived) / 1000);
    exchange.json(answer);
  }

  failed(reason: 'deadline' | 'worker'): void {
    const requestId = this.#lane?.idOf(this.#at);
    this.#exchange.refuse(
      reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL',
      requestId === undefined ? {} : { requestId },
    );
  }
}

/** A request of `POST /score_batch`, all of whose rows one model scores. */
export class PlainBatchCall implements PendingRequest {
  readonly kind = 'score';
  readonly rowCount: number;
  readonly deadline: number;
  readonly #exchange: Exchange;
  readonly #context: CallContext;
  readonly #reader: RequestReader;
  readonly #columns: FeatureOrder;
  readonly #arrived: number;
  readonly #answer: BatchAnswer;

  /** The parameters are those of `PlainCall`. */
  constructor(
    exchange: Exchange,
    context: CallContext,
    reader: RequestReader,
    columns: FeatureOrder,
    { rows, arrived }: { readonly rows: number; readonly arrived: number },
  ) {
    this.rowCount = rows;
    this.deadline = arrived + context.timeoutMs;
    this.#exchange = exchange;
    this.#context = context;
    this.#reader = reader;
    this.#columns = columns;
    this.#arrived = arrived;
    this.#answer = new BatchAnswer(rows);
  }

  get settled(): boolean {
    return this.#exchange.finished;
  }

  writeRow(row: number, lane: Lane, at: number): void {
    writePlainRow(this.#reader, row, this.#columns, lane, at);
  }

  scored(row: number, batch: Batch, laneRow: number): void {
    const exchange = this.#exchange;
    const context = this.#context;
    const arrived = this.#arrived;
    if (exchange.finished) return;
    const answer = plainAnswer(context, batch, laneRow, arrived);
    if (answer === undefined) {
      const detail = `Item ${row}: ${NOT_FINITE}`;
      exchange.fail(new RangeError(detail), { detail });
      return;
    }
    const whole = this.#answer.add(row, answer);
    if (whole === undefined) return;
    context.durations.observe((batch.delivered - arrived) / 1000);
    exchange.json(whole);
  }

  failed(reason: 'deadline' | 'worker'): void {
    this.#exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL');
  }
}

/** Copies a row that was just read to row `at` of a lane; a request without an id gets a new one. */
function writePlainRow(reader: RequestReader, row: number, columns: FeatureOrder, lane: Lane, at: number): void {
  const { rows, features: width } = reader;
  const { features } = lane.plan;
  const from = row * width;
  const to = at * features;
  for (let i = 0; i < features; i++) lane.rows[to + i] = rows[from + (columns === null ? i : columns[i])];
  if (!reader.putId(row, lane, at)) lane.setId(at, randomUUID());
}

/** Counts and logs one scored row, and returns its answer; undefined if the score is not finite. */
function plainAnswer(
  context: CallContext,
  batch: Batch,
  laneRow: number,
  arrived: number,
): Uint8Array | string | undefined {
  const { lane } = batch;
  const milliseconds = Math.trunc(batch.delivered - arrived);
  const answer = lane.answer(laneRow, milliseconds);
  if (answer === undefined)
    return answerRow(context, batch, laneRow, DEFAULT_QUERY, `"${lane.idOf(laneRow)}"`, arrived);
  context.metrics.scored(lane.calibrated[laneRow]);
  context.predictions.appendAnswered(batch, laneRow, milliseconds);
  if (context.shadow !== undefined) context.shadow.queue.offer(context.shadow.of, batch, laneRow);
  return answer;
}
