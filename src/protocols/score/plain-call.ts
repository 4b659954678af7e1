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
import { PLAIN_QUERY } from '../../contract/query.js';
import type { RequestReader } from './request-reader.js';
import { batchLogFields, rowLogFields } from './log-fields.js';
import { type CallContext, answerRow, idAsJson, notFinite, observeRefusal } from './score-call.js';

/** Request ids that the kernel can write. */
const KERNEL_ID = /^[\w.:/ -]{1,61}$/;

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
    if (!this.#reader.putId(row, lane, at)) this.#putOwnId(lane, at);
    this.#lane = lane;
    this.#at = at;
  }

  /** The body has no request id: X-Request-ID, else a new one. */
  #putOwnId(lane: Lane, at: number): void {
    const { requestId } = this.#exchange;
    if (requestId === undefined) lane.setId(at, randomUUID());
    else if (KERNEL_ID.test(requestId)) lane.setId(at, requestId);
    // The kernel cannot write this one, so it leaves the answer to JavaScript.
    else lane.clearId(at);
  }

  scored(_row: number, batch: Batch, laneRow: number): void {
    const exchange = this.#exchange;
    const context = this.#context;
    const arrived = this.#arrived;
    if (exchange.finished) return;
    const id = (): string => batch.lane.idOf(laneRow) || (exchange.requestId ?? '');
    const answer = plainAnswer(context, batch, laneRow, arrived, rowLogFields(exchange), () => idAsJson(id()));
    if (answer === undefined) {
      exchange.refuse('SCORE_NOT_FINITE', { detail: notFinite(batch, laneRow), requestId: id() });
      return;
    }
    context.durations.observe((batch.delivered - arrived) / 1000);
    exchange.json(answer);
  }

  failed(reason: 'deadline' | 'worker'): void {
    if (this.#exchange.finished) return;
    observeRefusal(this.#context, this.#arrived);
    const requestId = this.#lane?.idOf(this.#at) ?? '';
    this.#exchange.refuse(
      reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL',
      requestId === '' ? {} : { requestId },
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
  readonly #logFields: string;

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
    this.#logFields = batchLogFields(exchange);
  }

  get settled(): boolean {
    return this.#exchange.finished;
  }

  writeRow(row: number, lane: Lane, at: number): void {
    writePlainRow(this.#reader, row, this.#columns, lane, at);
    if (!this.#reader.putId(row, lane, at)) lane.setId(at, randomUUID());
  }

  scored(row: number, batch: Batch, laneRow: number): void {
    const exchange = this.#exchange;
    const context = this.#context;
    const arrived = this.#arrived;
    if (exchange.finished) return;
    const answer = plainAnswer(
      context,
      batch,
      laneRow,
      arrived,
      this.#logFields,
      () => `"${batch.lane.idOf(laneRow)}"`,
    );
    if (answer === undefined) {
      exchange.refuse('SCORE_NOT_FINITE', { detail: `Item ${row}: ${notFinite(batch, laneRow)}` });
      return;
    }
    const whole = this.#answer.add(row, answer);
    if (whole === undefined) return;
    context.durations.observe((batch.delivered - arrived) / 1000);
    exchange.json(whole);
  }

  failed(reason: 'deadline' | 'worker'): void {
    if (this.#exchange.finished) return;
    observeRefusal(this.#context, this.#arrived);
    this.#exchange.refuse(reason === 'deadline' ? 'DEADLINE_EXCEEDED' : 'INTERNAL');
  }
}

/** Copies a row that was just read to row `at` of a lane. */
function writePlainRow(reader: RequestReader, row: number, columns: FeatureOrder, lane: Lane, at: number): void {
  const { rows, features: width } = reader;
  const { features } = lane.plan;
  const from = row * width;
  const to = at * features;
  for (let i = 0; i < features; i++) lane.rows[to + i] = rows[from + (columns === null ? i : columns[i])];
}

/**
 * Counts and logs one scored row, and returns its answer; undefined if the score is not finite.
 * @param requestId as JSON, for an answer that the kernel has not written
 */
function plainAnswer(
  context: CallContext,
  batch: Batch,
  laneRow: number,
  arrived: number,
  logFields: string,
  requestId: () => string,
): Uint8Array | string | undefined {
  const { lane } = batch;
  const milliseconds = Math.trunc(batch.delivered - arrived);
  const answer = lane.answer(laneRow, milliseconds);
  if (answer === undefined) return answerRow(context, batch, laneRow, PLAIN_QUERY, requestId(), arrived, logFields);
  context.metrics.scored(lane.calibrated[laneRow]);
  context.predictions.appendAnswered(batch, laneRow, milliseconds, logFields);
  if (context.shadow !== undefined) context.shadow.queue.offer(context.shadow.of, batch, laneRow);
  return answer;
}
