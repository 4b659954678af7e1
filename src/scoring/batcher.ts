/**
 * Adaptive micro-batching: gathers rows in lanes and hands them to workers. There is no timer: a batch closes when the
 * turn of the event loop ends and a worker is free; while all are busy rows gather. A worker gets as many of a batch's
 * rows at once as a cap allows that follows the measured cost per row. The lanes are the queue: a row is written once,
 * into the lane from which it will be scored.
 *
 *     admit -> open lane (one per kind) --full--> ready lanes --worker free--> worker -> scored
 *                    |                                 ^                         |
 *                    |                                 '---rows past the cap-----'
 *                    '-------------end of the turn, worker free---------------^
 *
 * Everything here runs on one thread; the races are with workers that die, and with requests that are answered early
 * (client gone, deadline passed) while their rows are on the way.
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
  /** Answered, refused, or its client gone: its rows need no more work. */
  readonly settled: boolean;
  /** When it is given up if no worker has taken it, performance.now() milliseconds. */
  readonly deadline: number;
  /**
   * Writes row `row` to the lane's row `at`, in the model's order of features, and whether the kernel is to answer it.
   */
  writeRow(row: number, lane: Lane, at: number): void;
  /** Row `row` stands scored in `batch` at `laneRow`. Called once per row, also when settled. */
  scored(row: number, batch: Batch, laneRow: number): void;
  /** Its rows will not be scored. */
  failed(reason: 'deadline' | 'worker'): void;
}

/** Work for which a worker is taken only where nothing else wants it, one batch at a time. */
export interface SpareWork {
  /** A batch of one request that never settles; its rows are delivered to it. */
  next(): Batch | undefined;
  /** Set by the batcher; to be called when `next` has something. */
  whenReady: () => void;
}

export type ScoringMode = 'pool' | 'auto' | 'inline';

export interface BatcherOptions {
  readonly mode: ScoringMode;
  /** Most rows that wait for a worker. */
  readonly queueRows: number;
  /** Where several batchers share them: the limits on waiting rows and on MOST_LANE_BYTES. */
  readonly quotas?: { readonly rows: Quota; readonly laneBytes: Quota };
}

/** One lane's worth of rows, all scored by the same model. */
export class Batch {
  /** Rows written. */
  count = 0;
  /** Rows before it were given up. */
  first = 0;
  /** When its first row came, performance.now() milliseconds. */
  opened = 0;
  /** When its scores were there to be answered with, performance.now() milliseconds. */
  delivered = 0;
  readonly requests: PendingRequest[] = [];
  /** Per lane row, which row of its request it is. */
  readonly rows: number[] = [];

  constructor(
    readonly model: ServedModel,
    readonly lane: Lane,
  ) {}
}

/** What operators want to know, counted without a label object in sight. */
export interface BatchObserver {
  /** A batch of `rows` was handed over, its first row having waited `waitSeconds`. */
  dispatched(rows: number, waitSeconds: number, inline: boolean): void;
  /** Rows of a batch were scored; called after every row was delivered. */
  delivered(batch: Batch): void;
  workerFailed(error: unknown): void;
  /** A request could not be answered with its scores. */
  answerFailed(error: unknown): void;
}

/** A worker should not be kept for longer at once, in microseconds; rows that come meanwhile wait for it. */
const BATCH_BUDGET_US = 2000;
/** Fewest rows that a worker is given at once, however slow the model. */
const LEAST_CAP: Readonly<Record<LaneKind, number>> = { score: 16, explain: 1 };
/** Weight of the newest batch in the running means. */
const NEWEST = 0.1;
/** What the hand-over to a worker and back costs until it has been measured, in microseconds. */
const HANDOVER_US = 65;
/** A batch is given to a fresh worker this often before its requests are told that it failed. */
const ATTEMPTS = 3;
const SWEEP_MS = 50;
/** Bytes of all lanes that wait or are being scored: rows of a model with thousands of features are large. */
export const MOST_LANE_BYTES = 256 * 2 ** 20;

export class Batcher {
  readonly #open: Record<LaneKind, Batch | undefined> = { score: undefined, explain: undefined };
  #ready: Batch[] = [];
  readonly #workers: FreeWorkers;
  readonly #waiting: Quota;
  readonly #laneBytes: Quota;
  #scheduled = false;
  #sweeper: NodeJS.Timeout | undefined;
  #spareRuns = false;
  readonly #rowCostUs: Record<LaneKind, number> = { score: 1, explain: 500 };
  #handoverUs = HANDOVER_US;

  constructor(
    private readonly pool: ScoringPool<Regions>,
    private readonly options: BatcherOptions,
    private readonly observer: BatchObserver,
    private readonly spare?: SpareWork,
  ) {
    this.#workers = new FreeWorkers(pool.workers);
    this.#waiting = options.quotas?.rows ?? new OwnQuota(options.queueRows);
    this.#laneBytes = options.quotas?.laneBytes ?? new OwnQuota(MOST_LANE_BYTES);
    if (spare !== undefined) spare.whenReady = () => this.#schedule();
  }

  /** Rows waiting for a worker. */
  get waitingRows(): number {
    return this.#waiting.taken;
  }

  /** Rows waiting or being scored. */
  get rows(): number {
    return this.#waiting.taken + this.#workers.rows;
  }

  /**
   * Queues all rows of a request for `model`, in order.
   * @returns false where the queue or the shared memory has no room for them; the caller then refuses the request, and
   * rows that were queued before that showed are dropped with it
   */
  admit(request: PendingRequest, model: ServedModel): boolean {
    const { kind, rowCount } = request;
    if (!this.#waiting.take(rowCount)) return false;
    for (let row = 0; row < rowCount; row++) {
      const batch = this.#openBatch(kind, model);
      if (batch === undefined) {
        this.#waiting.give(rowCount - row);
        // What was queued of it is dropped in the next turn, and the lanes that it took are free again.
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

  /** The batch that takes the next row; undefined where there is no memory for another one. */
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

  /** Stops the timer; nothing may be waiting. */
  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** Most rows that a worker is given at once. */
  #cap(kind: LaneKind): number {
    return Math.max(LEAST_CAP[kind], Math.floor(BATCH_BUDGET_US / this.#rowCostUs[kind]));
  }

  /** Once per turn of the event loop, after all of its requests have been read. */
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
        this.#runSpare();
        return;
      }
      this.#dropSettled(batch);
      if (batch.first === batch.count) this.#release(batch);
      else if (
        this.#start(batch) &&
        (this.#ready.length > 0 || this.#open.score !== undefined || this.#open.explain !== undefined)
      ) {
        // Scored on the spot: the sockets get their turn before the next batch.
        this.#schedule();
        return;
      }
    }
  }

  /**
   * Gives up the rows at the front whose requests are settled or past their deadline, before they cost a worker.
   * Rows stand in order of arrival and all requests have the same time, so no expired row stands behind a live one.
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

  /** Scores rows from the batch's first on, as many as the cap allows. Returns whether that is done already. */
  #start(batch: Batch): boolean {
    const { mode } = this.options;
    const { kind } = batch.lane.plan;
    const end = Math.min(batch.count, batch.first + this.#cap(kind));
    const rows = end - batch.first;
    this.#waiting.give(rows);
    const started = performance.now();
    const inline = mode === 'inline' || (mode === 'auto' && rows * this.#rowCostUs[kind] < this.#handoverUs);
    this.observer.dispatched(rows, (started - batch.opened) / 1000, inline);
    if (inline) {
      this.#learn(kind, rows, runTask(this.pool.kernels, taskOf(batch, end)) * 1000);
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
    this.pool.run(taskOf(batch, end)).then(
      (micros) => {
        this.#workers.giveBack(rows);
        this.#learn(kind, rows, micros);
        this.#handoverUs += NEWEST * ((performance.now() - started) * 1000 - micros - this.#handoverUs);
        // The worker gets its next batch before this one is answered: answering takes longer than scoring. The rest of
        // this one has to wait for its answers, as both share a lane.
        this.#dispatch();
        this.#deliver(batch, end);
      },
      (error: unknown) => {
        // This thread's own bug, which another worker would meet as well.
        if (error instanceof InvariantError) throw error;
        // The worker died in mid-batch. Its rows stand untouched in the lane, so they go to another worker; scores that
        // it may have written are written again.
        this.observer.workerFailed(error);
        if (attempt < ATTEMPTS) {
          this.#run(batch, end, attempt + 1, started);
          return;
        }
        this.#workers.giveBack(rows);
        for (let at = batch.first; at < end; at++) {
          if (!batch.requests[at].settled) batch.requests[at].failed('worker');
        }
        this.#finish(batch, end);
        this.#dispatch();
      },
    );
  }

  #runSpare(): void {
    const batch = this.#spareRuns ? undefined : this.spare?.next();
    if (batch === undefined) return;
    this.#spareRuns = true;
    this.#workers.take(0);
    const { strategy, image } = batch.model;
    const over = (): void => {
      this.#spareRuns = false;
      this.#workers.giveBack(0);
      this.#dispatch();
    };
    this.pool
      .run({ strategy, image, text: 0, lane: batch.lane.address, first: 0, end: batch.count, explain: false })
      .then(
        () => {
          over();
          this.#hand(batch, batch.count);
          batch.model.releaseLane(batch.lane);
        },
        (error: unknown) => {
          if (error instanceof InvariantError) throw error;
          this.observer.workerFailed(error);
          batch.requests[0].failed('worker');
          batch.model.releaseLane(batch.lane);
          over();
        },
      );
  }

  #learn(kind: LaneKind, rows: number, micros: number): void {
    this.#rowCostUs[kind] += NEWEST * (micros / rows - this.#rowCostUs[kind]);
  }

  #deliver(batch: Batch, end: number): void {
    batch.delivered = performance.now();
    this.#hand(batch, end);
    this.observer.delivered(batch);
    this.#finish(batch, end);
  }

  /** Hands every request its scores. One that cannot be answered takes no other with it. */
  #hand(batch: Batch, end: number): void {
    for (let at = batch.first; at < end; at++) {
      const request = batch.requests[at];
      try {
        request.scored(batch.rows[at], batch, at);
      } catch (error) {
        this.observer.answerFailed(error);
        if (!request.settled) request.failed('worker');
      }
    }
  }

  /** The rows up to `end` are done with: gives the lane back, or puts the rest of the batch in front of all others. */
  #finish(batch: Batch, end: number): void {
    batch.first = end;
    if (end === batch.count) {
      this.#release(batch);
      return;
    }
    this.#ready.unshift(batch);
    this.#schedule();
  }

  /**
   * Refuses what has waited past its deadline while every worker was busy; its rows are dropped when their turn comes.
   */
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

/** The rows of a batch from its first on: explained, or answered. */
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
