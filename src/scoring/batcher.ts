/**
 * Adaptive micro-batching: gathers rows in lanes and hands them to workers. No timer delays a batch: it closes when the
 * turn of the event loop ends and a worker is free. While all workers are busy, rows gather. A cap, which follows the
 * measured cost per row, limits how many rows of a batch a worker gets at once. The lanes are the queue: a row is
 * written once, into the lane from which it will be scored.
 *
 *     admit -> open lane (one per kind) --full--> ready lanes --worker free--> worker -> scored
 *                    |                                 ^                         |
 *                    |                                 '---rows past the cap-----'
 *                    '-------------end of the turn, worker free---------------^
 *
 * Everything here runs on one thread. The races are with workers that die, and with requests that end early (client
 * gone, deadline passed) while a worker scores their rows.
 */
import { InvariantError, invariant } from '../invariant.js';
import { FreeWorkers } from './free-workers.js';
import type { ScoreTask } from './mailbox.js';
import { runTask } from './kernel.js';
import type { Lane, LaneKind } from './lane.js';
import type { Regions } from './memory.js';
import type { ScoringPool } from './pool.js';
import { OwnQuota, type Quota } from './quota.js';
import type { ServedModel } from './served-model.js';

/** A request that waits for the scores of its rows. */
export interface PendingRequest {
  readonly kind: LaneKind;
  readonly rowCount: number;
  /** The request was answered or refused, or its client is gone: its rows need no more work. */
  readonly settled: boolean;
  /** When it fails unless a worker has started on it, performance.now() milliseconds. */
  readonly deadline: number;
  /** Writes row `row` to the lane's row `at`, in the model's order of features, with an id if the kernel answers it. */
  writeRow(row: number, lane: Lane, at: number): void;
  /** The scores of row `row` are in `batch` at `laneRow`. Called once per row that was scored, also when settled. */
  scored(row: number, batch: Batch, laneRow: number): void;
  /** Its rows will not be scored. */
  failed(reason: 'deadline' | 'worker'): void;
}

/** Work that gets a worker only while no request waits for one, one batch at a time. */
export interface BackgroundWork {
  /** A batch whose rows all belong to one request that never settles. */
  next(): Batch | undefined;
  /** The batcher sets this; call it when `next` has a batch. */
  onReady: () => void;
}

export type ScoringMode = 'pool' | 'auto' | 'inline';

export interface BatcherOptions {
  readonly mode: ScoringMode;
  /** Maximum number of rows that wait for a worker. */
  readonly queueRows: number;
  /** Limits on waiting rows and on lane bytes that several batchers share; by default each batcher has its own. */
  readonly quotas?: { readonly rows: Quota; readonly laneBytes: Quota };
}

/** The rows in one lane, all scored by the same model. */
export class Batch {
  /** Number of rows written. */
  count = 0;
  /** The first row that still has to be scored: rows before it were scored or dropped. */
  first = 0;
  /** When its first row arrived, performance.now() milliseconds. */
  opened = 0;
  /** When its latest scores were ready, performance.now() milliseconds. */
  delivered = 0;
  readonly requests: PendingRequest[] = [];
  /** For each row of the lane, its index within its request. */
  readonly rows: number[] = [];

  constructor(
    readonly model: ServedModel,
    readonly lane: Lane,
  ) {}
}

/** Receives what the metrics count, as plain arguments: no label object is allocated for a batch. */
export interface BatchObserver {
  /** `rows` rows of a batch were handed over; the first row of the batch waited `waitSeconds`. */
  dispatched(rows: number, waitSeconds: number, inline: boolean): void;
  /** Rows of a batch were scored; called after every row was delivered. */
  delivered(batch: Batch): void;
  workerFailed(error: unknown): void;
  /** A request could not be answered with its scores. */
  answerFailed(error: unknown): void;
}

/** How long a batch should keep a worker at most, in microseconds: rows that arrive meanwhile wait for it. */
const BATCH_BUDGET_US = 2000;
/** Lower bound of the cap on the rows that a worker gets at once, however slow the model. */
const MIN_CAP: Readonly<Record<LaneKind, number>> = { score: 16, explain: 1 };
/** Weight of the newest batch in the moving averages. */
const NEWEST_WEIGHT = 0.1;
/** Initial estimate of what handing a batch to a worker and back costs, in microseconds. */
const INITIAL_HANDOVER_US = 65;
/** How often a batch is given to a worker before its requests fail. */
const MAX_ATTEMPTS = 3;
/** How often waiting rows are checked for passed deadlines. */
const SWEEP_MS = 50;
/** Limit on all lanes that wait or are being scored: rows of a model with thousands of features are large. */
export const MAX_LANE_BYTES = 256 * 2 ** 20;

export class Batcher {
  readonly #pool: ScoringPool<Regions>;
  readonly #mode: ScoringMode;
  readonly #observer: BatchObserver;
  readonly #background: BackgroundWork | undefined;
  readonly #open: Record<LaneKind, Batch | undefined> = { score: undefined, explain: undefined };
  #ready: Batch[] = [];
  readonly #workers: FreeWorkers;
  readonly #waiting: Quota;
  readonly #laneBytes: Quota;
  #scheduled = false;
  #sweeper: NodeJS.Timeout | undefined;
  #backgroundRuns = false;
  readonly #rowCostUs: Record<LaneKind, number> = { score: 1, explain: 500 };
  #handoverUs = INITIAL_HANDOVER_US;

  constructor(
    pool: ScoringPool<Regions>,
    { mode, queueRows, quotas }: BatcherOptions,
    observer: BatchObserver,
    background?: BackgroundWork,
  ) {
    this.#pool = pool;
    this.#mode = mode;
    this.#observer = observer;
    this.#background = background;
    this.#workers = new FreeWorkers(pool.workers);
    this.#waiting = quotas?.rows ?? new OwnQuota(queueRows);
    this.#laneBytes = quotas?.laneBytes ?? new OwnQuota(MAX_LANE_BYTES);
    if (background !== undefined) background.onReady = () => this.#schedule();
  }

  /** Number of rows that wait for a worker. */
  get waitingRows(): number {
    return this.#waiting.taken;
  }

  /** Number of rows that wait or are being scored. */
  get rows(): number {
    return this.#waiting.taken + this.#workers.rows;
  }

  /**
   * Queues all rows of a request for `model`, in order.
   * @returns false if the queue is full or the shared memory is not large enough. The caller must then settle the
   * request; the rows of it that were already queued are dropped.
   */
  admit(request: PendingRequest, model: ServedModel): boolean {
    const { kind, rowCount } = request;
    if (!this.#waiting.take(rowCount)) return false;
    for (let row = 0; row < rowCount; row++) {
      const batch = this.#openBatch(kind, model);
      if (batch === undefined) {
        this.#waiting.give(rowCount - row);
        // The next turn drops the rows that were queued, and releases their lanes.
        this.#schedule();
        return false;
      }
      invariant(batch.count < batch.lane.plan.capacity, 'a row is written past the end of its lane');
      const at = batch.count++;
      request.writeRow(row, batch.lane, at);
      batch.requests.push(request);
      batch.rows.push(row);
      if (batch.count === batch.lane.plan.capacity) {
        this.#open[kind] = undefined;
        this.#ready.push(batch);
      }
    }
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    this.#schedule();
    return true;
  }

  /** The batch that takes the next row; undefined if there is not enough memory for another batch. */
  #openBatch(kind: LaneKind, model: ServedModel): Batch | undefined {
    const open = this.#open[kind];
    if (open !== undefined && open.model === model) return open;
    if (open !== undefined) {
      // A batch belongs to one model: a row of a newer one opens the next batch.
      this.#open[kind] = undefined;
      this.#ready.push(open);
    }
    const bytes = model.laneBytes(kind);
    if (!this.#laneBytes.take(bytes)) return undefined;
    const lane = model.takeLane(kind);
    if (lane === undefined) {
      this.#laneBytes.give(bytes);
      return undefined;
    }
    const batch = new Batch(model, lane);
    batch.opened = performance.now();
    this.#open[kind] = batch;
    return batch;
  }

  #release(batch: Batch): void {
    this.#laneBytes.give(batch.lane.plan.bytes);
    batch.model.releaseLane(batch.lane);
  }

  /** Stops the timer that checks deadlines; no row may be waiting. */
  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** Maximum number of rows that a worker gets at once. */
  #cap(kind: LaneKind): number {
    return Math.max(MIN_CAP[kind], Math.floor(BATCH_BUDGET_US / this.#rowCostUs[kind]));
  }

  /** Dispatches once per turn of the event loop, after all requests of the turn have been read. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #next(): Batch | undefined {
    const ready = this.#ready.shift();
    if (ready !== undefined) return ready;
    const { score, explain } = this.#open;
    const batch = score !== undefined && (explain === undefined || score.opened <= explain.opened) ? score : explain;
    if (batch !== undefined) this.#open[batch.lane.plan.kind] = undefined;
    return batch;
  }

  #dispatch(): void {
    while (this.#workers.free > 0) {
      const batch = this.#next();
      if (batch === undefined) {
        this.#runBackground();
        return;
      }
      this.#dropSettled(batch);
      if (batch.first === batch.count) this.#release(batch);
      else if (
        this.#start(batch) &&
        (this.#ready.length > 0 || this.#open.score !== undefined || this.#open.explain !== undefined)
      ) {
        // The batch was scored on this thread: the sockets get their turn before the next batch.
        this.#schedule();
        return;
      }
    }
  }

  /**
   * Drops the rows at the front whose requests are settled or past their deadline, before a worker spends time on them.
   * Rows are in order of arrival and all requests have the same timeout, so no expired row follows a live one.
   */
  #dropSettled(batch: Batch): void {
    const now = performance.now();
    const { first } = batch;
    while (batch.first < batch.count) {
      const request = batch.requests[batch.first];
      if (!request.settled && request.deadline > now) break;
      if (!request.settled) request.failed('deadline');
      batch.first++;
    }
    this.#waiting.give(batch.first - first);
  }

  /**
   * Starts to score the batch from its first row on, as many rows as the cap allows.
   * @returns true if they were scored on this thread and are done
   */
  #start(batch: Batch): boolean {
    const mode = this.#mode;
    const { kind } = batch.lane.plan;
    const end = Math.min(batch.count, batch.first + this.#cap(kind));
    const rows = end - batch.first;
    this.#waiting.give(rows);
    const started = performance.now();
    const inline = mode === 'inline' || (mode === 'auto' && rows * this.#rowCostUs[kind] < this.#handoverUs);
    this.#observer.dispatched(rows, (started - batch.opened) / 1000, inline);
    if (inline) {
      this.#updateRowCost(kind, rows, runTask(this.#pool.kernels, taskOf(batch, end)) * 1000);
      this.#deliver(batch, end);
      return true;
    }
    this.#workers.take(rows);
    this.#run(batch, end, 1, started);
    return false;
  }

  #run(batch: Batch, end: number, attempt: number, started: number): void {
    const { kind } = batch.lane.plan;
    const rows = end - batch.first;
    this.#pool.run(taskOf(batch, end)).then(
      (micros) => {
        this.#workers.release(rows);
        this.#updateRowCost(kind, rows, micros);
        this.#handoverUs += NEWEST_WEIGHT * ((performance.now() - started) * 1000 - micros - this.#handoverUs);
        // The worker gets its next batch before this one is answered, as answering takes longer than scoring. The rest
        // of this batch is queued again by `#finish`, after the answers.
        this.#dispatch();
        this.#deliver(batch, end);
      },
      (error: unknown) => {
        // A bug on this thread: another worker would not help.
        if (error instanceof InvariantError) throw error;
        // The worker died during the batch. The rows in the lane are unchanged, so another worker scores them, and
        // overwrites whatever the first one has written.
        this.#observer.workerFailed(error);
        if (attempt < MAX_ATTEMPTS) {
          this.#run(batch, end, attempt + 1, started);
          return;
        }
        this.#workers.release(rows);
        for (let at = batch.first; at < end; at++) {
          if (!batch.requests[at].settled) batch.requests[at].failed('worker');
        }
        this.#finish(batch, end);
        this.#dispatch();
      },
    );
  }

  #runBackground(): void {
    const batch = this.#backgroundRuns ? undefined : this.#background?.next();
    if (batch === undefined) return;
    this.#backgroundRuns = true;
    this.#workers.take(0);
    const { strategy, image } = batch.model;
    const workerDone = (): void => {
      this.#backgroundRuns = false;
      this.#workers.release(0);
      this.#dispatch();
    };
    this.#pool
      .run({ strategy, image, text: 0, lane: batch.lane.address, first: 0, end: batch.count, explain: false })
      .then(
        () => {
          workerDone();
          this.#handOver(batch, batch.count);
          batch.model.releaseLane(batch.lane);
        },
        (error: unknown) => {
          if (error instanceof InvariantError) throw error;
          this.#observer.workerFailed(error);
          batch.requests[0].failed('worker');
          batch.model.releaseLane(batch.lane);
          workerDone();
        },
      );
  }

  #updateRowCost(kind: LaneKind, rows: number, micros: number): void {
    this.#rowCostUs[kind] += NEWEST_WEIGHT * (micros / rows - this.#rowCostUs[kind]);
  }

  #deliver(batch: Batch, end: number): void {
    batch.delivered = performance.now();
    this.#handOver(batch, end);
    this.#observer.delivered(batch);
    this.#finish(batch, end);
  }

  /** Hands every request its scores. A request that cannot be answered does not affect the others. */
  #handOver(batch: Batch, end: number): void {
    for (let at = batch.first; at < end; at++) {
      const request = batch.requests[at];
      try {
        request.scored(batch.rows[at], batch, at);
      } catch (error) {
        this.#observer.answerFailed(error);
        if (!request.settled) request.failed('worker');
      }
    }
  }

  /** The rows up to `end` are done: releases the lane, or puts the rest of the batch at the front of the queue. */
  #finish(batch: Batch, end: number): void {
    batch.first = end;
    if (end === batch.count) {
      this.#release(batch);
      return;
    }
    this.#ready.unshift(batch);
    this.#schedule();
  }

  /** Fails requests whose deadline passes while every worker is busy; `#dropSettled` drops their rows later. */
  #sweep(): void {
    if (this.#waiting.taken === 0) {
      this.close();
      return;
    }
    const now = performance.now();
    for (const batch of [...this.#ready, this.#open.score, this.#open.explain]) {
      if (batch === undefined) continue;
      for (let at = batch.first; at < batch.count; at++) {
        const request = batch.requests[at];
        if (request.deadline > now) break;
        if (!request.settled) request.failed('deadline');
      }
    }
  }
}

/** The task that scores the rows of a batch from its first to `end`, with contributions or with answers. */
function taskOf({ model, lane, first }: Batch, end: number): ScoreTask {
  const explain = lane.plan.kind === 'explain';
  return {
    strategy: model.strategy,
    image: model.image,
    text: explain ? 0 : model.text,
    lane: lane.address,
    first,
    end,
    explain,
  };
}
