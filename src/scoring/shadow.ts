/**
 * Rows that a challenger scores in shadow mode: after the champion has answered, while no request needs the worker.
 * They are the first to be dropped under load. Nobody waits for them, so they gather to full batches, which cost the
 * main thread one hand-over for many rows.
 */
import { Batch, type PendingRequest, type BackgroundWork } from './batcher.js';
import type { ServedModel } from './served-model.js';

/** The confidence scores of two models for one row. */
export interface ComparedScores {
  readonly champion: number;
  readonly challenger: number;
}

export interface ShadowObserver {
  /** Both models have scored a row. */
  compared(scores: ComparedScores): void;
  /** The challenger did not score `rows` rows. */
  missed(rows: number): void;
}

/** A challenger that scores the rows of a champion in shadow mode. */
export interface Shadow {
  readonly challenger: ServedModel;
  /** For each feature of the challenger, its index among the champion's; null if the order is the same. */
  readonly columns: Uint32Array | null;
  readonly observer: ShadowObserver;
}

/** Rows of a full batch: a larger one would keep a worker from live requests for too long. */
const BATCH_ROWS = 192;
/** How long a batch gathers rows before it is scored. */
const GATHER_MS = 25;
/** Maximum number of batches that wait; further rows are dropped. */
const MAX_WAITING = 4;

/** The rows of one batch, as a request without a client. */
class ShadowRows implements PendingRequest {
  readonly kind = 'score';
  readonly settled = false;
  readonly deadline = Number.POSITIVE_INFINITY;
  rowCount = 0;
  /** [rowCount] the champion's scores. */
  readonly champion = new Float64Array(BATCH_ROWS);

  constructor(readonly shadow: Shadow) {}

  writeRow(): void {
    // `ShadowQueue.offer` copies the rows from the champion's lane.
  }

  scored(row: number, batch: Batch, laneRow: number): void {
    this.shadow.observer.compared({ champion: this.champion[row], challenger: batch.lane.calibrated[laneRow] });
  }

  failed(): void {
    this.shadow.observer.missed(this.rowCount);
  }
}

export class ShadowQueue implements BackgroundWork {
  onReady = (): void => undefined;
  #open: { readonly batch: Batch; readonly rows: ShadowRows } | undefined;
  readonly #ready: Batch[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Copies a row that the champion has scored to the challenger's order of features, or drops it. */
  offer(shadow: Shadow, champion: Batch, laneRow: number): void {
    if (this.#open !== undefined && this.#open.rows.shadow !== shadow) this.#close();
    // The experiment may have ended while the champion scored.
    if (this.#open === undefined && (this.#ready.length >= MAX_WAITING || shadow.challenger.retired)) {
      shadow.observer.missed(1);
      return;
    }
    const open = (this.#open ??= this.#start(shadow));
    if (open === undefined) {
      shadow.observer.missed(1);
      return;
    }
    const { batch, rows } = open;
    const { features } = batch.lane.plan;
    const from = laneRow * champion.lane.plan.features;
    const to = batch.count * features;
    const { columns } = shadow;
    for (let i = 0; i < features; i++) {
      batch.lane.rows[to + i] = champion.lane.rows[from + (columns === null ? i : columns[i])];
    }
    rows.champion[rows.rowCount] = champion.lane.calibrated[laneRow];
    batch.requests.push(rows);
    batch.rows.push(rows.rowCount++);
    batch.count++;
    if (batch.count >= Math.min(BATCH_ROWS, batch.lane.plan.capacity)) this.#close();
  }

  /** The next batch to be scored. */
  next(): Batch | undefined {
    return this.#ready.shift();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Starts a batch; undefined if the shared memory is full. */
  #start(shadow: Shadow): { readonly batch: Batch; readonly rows: ShadowRows } | undefined {
    const lane = shadow.challenger.takeLane('score');
    if (lane === undefined) return undefined;
    const batch = new Batch(shadow.challenger, lane);
    batch.opened = performance.now();
    this.#timer ??= setTimeout(() => this.#close(), GATHER_MS);
    return { batch, rows: new ShadowRows(shadow) };
  }

  #close(): void {
    this.close();
    if (this.#open === undefined) return;
    this.#ready.push(this.#open.batch);
    this.#open = undefined;
    this.onReady();
  }
}
