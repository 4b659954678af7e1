/**
 * Rows for a challenger in shadow: scored after the champion has answered, when no worker is needed for anything else,
 * and dropped first. Nobody waits for them, so that they gather to full batches: the main thread hands over one batch
 * for many rows.
 */
import { Batch, type PendingRequest, type SpareWork } from './batcher.js';
import type { ServedModel } from './served-model.js';

export interface ShadowObserver {
  /** The same row by both: confidence scores. */
  compared(champion: number, challenger: number): void;
  /** `rows` went without the challenger's score. */
  missed(rows: number): void;
}

/** One challenger in the shadow of one champion. */
export interface Shadow {
  readonly challenger: ServedModel;
  /** Where each of its features stands among the champion's; null: in the same places. */
  readonly columns: Uint32Array | null;
  readonly observer: ShadowObserver;
}

/** Rows of a full batch: more would keep a worker from the rows that people wait for. */
const BATCH_ROWS = 192;
/** How long a batch gathers. */
const GATHER_MS = 25;
/** Full batches that may wait; rows beyond them are dropped. */
const MOST_WAITING = 4;

/** The rows of one batch, as a request of their own that nobody waits for. */
class ShadowRows implements PendingRequest {
  readonly kind = 'score';
  readonly settled = false;
  readonly deadline = Number.POSITIVE_INFINITY;
  rowCount = 0;
  /** [rowCount] what the champion answered. */
  readonly champion = new Float64Array(BATCH_ROWS);

  constructor(readonly shadow: Shadow) {}

  writeRow(): void {
    // Rows are copied from the champion's lane as they come.
  }

  scored(row: number, batch: Batch, laneRow: number): void {
    this.shadow.observer.compared(this.champion[row], batch.lane.calibrated[laneRow]);
  }

  failed(): void {
    this.shadow.observer.missed(this.rowCount);
  }
}

export class ShadowQueue implements SpareWork {
  whenReady = (): void => undefined;
  #open: { readonly batch: Batch; readonly rows: ShadowRows } | undefined;
  readonly #ready: Batch[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Copies a row that the champion has scored, in its order of features, or drops it. */
  offer(shadow: Shadow, champion: Batch, laneRow: number): void {
    if (this.#open !== undefined && this.#open.rows.shadow !== shadow) this.#close();
    // The experiment may have ended while the champion scored.
    if (this.#open === undefined && (this.#ready.length >= MOST_WAITING || shadow.challenger.retired)) {
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
    for (let i = 0; i < features; i++)
      batch.lane.rows[to + i] = champion.lane.rows[from + (columns === null ? i : columns[i])];
    rows.champion[rows.rowCount] = champion.lane.calibrated[laneRow];
    batch.requests.push(rows);
    batch.rows.push(rows.rowCount++);
    batch.count++;
    if (batch.count >= Math.min(BATCH_ROWS, batch.lane.plan.capacity)) this.#close();
  }

  /** The next batch that has gathered. */
  next(): Batch | undefined {
    return this.#ready.shift();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Undefined where the shared memory has no room. */
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
    this.whenReady();
  }
}
