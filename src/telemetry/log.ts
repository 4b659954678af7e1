/**
 * Logs as JSON lines on standard output: pino for what happens, and the prediction events beside it, written once per
 * batch.
 */
import { type Logger, pino } from 'pino';
import type { LogLevel } from '../config/config.js';
import type { Batch } from '../scoring/batcher.js';
import type { PredictionLines } from './prediction-lines.js';

export type { Logger };
/** Where prediction events go: standard output, or the thread that writes to it. */
export interface LineDestination {
  /** @param count of the lines */
  write(lines: string, count: number): unknown;
  /** @param dropped called where a `write` is given up */
  on(event: 'drop', dropped: () => void): unknown;
}

/** Bytes of log that may wait for a slow reader of standard output before prediction events are dropped. */
export const MOST_WAITING_BYTES = 16 * 2 ** 20;
const LEVEL_INFO = 30;
/**
 * Prediction events are written when they are this many characters, or this old: one write costs as much as scoring
 * many rows.
 */
const FULL_CHARACTERS = 32_768;
const FLUSH_MS = 50;

export interface Log {
  readonly logger: Logger;
  readonly predictions: PredictionLog;
  /** Writes out what waits, however long its reader takes; for the end of the process. */
  flush(): void;
  /**
   * Writes out what waits and closes the log.
   * @returns false where its reader has not taken all of it within `milliseconds`
   */
  finish(milliseconds: number): Promise<boolean>;
}

/**
 * @param sample share of the predictions that are logged, 0 to 1
 * @param fd where lines go: standard output
 */
export function openLog(level: LogLevel, sample: number, fd = 1): Log {
  const destination = pino.destination({ dest: fd, sync: false, minLength: 0, maxLength: MOST_WAITING_BYTES });
  // The reader is gone or its disk full: there is nowhere left to say so, and no reason to stop scoring.
  let broken = false;
  destination.on('error', () => (broken = true));
  const logger = pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  const predictions = new PredictionLog(destination, logger.isLevelEnabled('info') ? sample : 0);
  return {
    logger,
    predictions,
    flush: () => {
      predictions.flush();
      try {
        destination.flushSync();
      } catch (error) {
        // A closed or blocked pipe: there is nowhere left to say so.
        if (!(error instanceof Error)) throw error;
      }
    },
    finish: (milliseconds) =>
      new Promise((resolve) => {
        predictions.flush();
        const timer = setTimeout(() => resolve(broken), milliseconds);
        destination.once('close', () => {
          clearTimeout(timer);
          resolve(true);
        });
        destination.end();
      }),
  };
}

/** One `prediction` event per scored row, in pino's own line format, gathered until `flush`. */
export class PredictionLog {
  #texts = '';
  #count = 0;
  #owed = 0;
  /** The parts of a line that are the same for all rows of a batch, and that batch. */
  #head = '';
  #tail = '';
  #batch = -1;
  #timer: NodeJS.Timeout | undefined;
  /** Events that were dropped, because the reader of the log fell behind. */
  dropped = 0;
  /** Of rows that a kernel has answered, where one does. */
  lines: PredictionLines | undefined;

  constructor(
    private readonly destination: LineDestination,
    readonly sample: number,
  ) {
    destination.on('drop', () => this.dropped++);
  }

  /**
   * @param requestId as JSON, in its quotes
   * @param modelVersion as JSON, in its quotes
   * @param at when its batch was scored, the same number for all of its rows
   * @param milliseconds whole
   * @param extra further members, each with its comma in front
   */
  append(requestId: string, score: number, milliseconds: number, modelVersion: string, at: number, extra = ''): void {
    if (!this.#isDue()) return;
    if (at !== this.#batch) this.#begin(at);
    this.#texts += `${this.#head}${requestId},"confidence_score":${score},"inference_time_ms":${milliseconds},"model_version":${modelVersion}${extra}${this.#tail}`;
    this.#count++;
  }

  /** The same for a row that the kernel has answered. */
  appendAnswered(batch: Batch, laneRow: number, milliseconds: number, extra = ''): void {
    if (this.lines === undefined || !this.#isDue()) return;
    if (batch.delivered !== this.#batch) this.#begin(batch.delivered);
    this.lines.carry(extra);
    if (this.lines.isFull(batch)) this.flush();
    this.lines.append(batch, laneRow, milliseconds);
    this.#count++;
  }

  /** Every 1/sample-th row, spread evenly. */
  #isDue(): boolean {
    this.#owed += this.sample;
    if (this.#owed < 1) return false;
    this.#owed -= 1;
    return true;
  }

  /** Call once per batch: writes what was gathered, unless it is little and young. */
  batchDone(): void {
    if (this.#texts.length + (this.lines?.length ?? 0) >= FULL_CHARACTERS) this.flush();
    else if (this.#count > 0) this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  #begin(at: number): void {
    this.#batch = at;
    const timestamp = new Date().toISOString();
    this.#head = `{"level":${LEVEL_INFO},"time":"${timestamp}","pid":${process.pid},"event":"prediction","request_id":`;
    this.#tail = `,"timestamp":"${timestamp}"}\n`;
    this.lines?.begin(this.#head, this.#tail);
  }

  /** Writes `count` whole lines, of this thread or of another. */
  write(lines: string, count: number): void {
    const before = this.dropped;
    this.destination.write(lines, count);
    // One write is one drop to the stream, and `count` events to whoever counts them.
    if (this.dropped > before) this.dropped += count - 1;
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#count === 0) return;
    const lines = this.#texts + (this.lines?.take() ?? '');
    const count = this.#count;
    this.#texts = '';
    this.#count = 0;
    this.write(lines, count);
  }
}
