/**
 * The log on standard output: JSON lines, but on a terminal text (`terminal-log.ts`). pino writes the events;
 * prediction events bypass it and are gathered from several batches before they are written.
 */
import { type Logger, pino } from 'pino';
import type { LogLevel } from '../config/config.js';
import type { Batch } from '../scoring/batcher.js';
import { LogDestination } from './log-destination.js';
import type { PredictionLines } from './prediction-lines.js';
import { TerminalLog } from './terminal-log.js';

export type { Logger };

/** Where prediction events go: standard output, or the thread that writes to it. */
export interface LineDestination {
  /** @param count number of lines. @returns false where they are lost */
  writePredictions(lines: string, count: number): boolean;
}

const LEVEL_INFO = 30;
/**
 * Gathered prediction events are written once they are this many characters, or this old: one write costs as much as
 * scoring many rows.
 */
const FLUSH_CHARACTERS = 131_072;
const FLUSH_MS = 50;

export interface Log {
  readonly logger: Logger;
  readonly predictions: PredictionLog;
  /** Undefined where standard output is no terminal. */
  readonly terminal?: TerminalLog;
  /** Undefined where the log is a terminal, which is written to at once. */
  readonly destination?: LogDestination;
  /**
   * Writes all waiting lines and closes the log.
   * @returns false if its reader has not taken all of them within `milliseconds`; true also where it is gone for good
   */
  finish(milliseconds: number): Promise<boolean>;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Share of the predictions that are logged: 0 to 1. */
  readonly predictionSample: number;
}

export function openLog(options: LogOptions): Log {
  return process.stdout.isTTY ? openTerminalLog(options) : openJsonLog(options);
}

/** Writes at once: a terminal is written to synchronously. It shows no prediction events. */
function openTerminalLog({ level }: LogOptions): Log {
  let closed = false;
  process.stdout.on('error', () => (closed = true));
  const terminal = new TerminalLog((text) => closed || process.stdout.write(text));
  const logger = pino({ level, timestamp: pino.stdTimeFunctions.isoTime }, terminal);
  const nothing: LineDestination = { writePredictions: () => true };
  return {
    logger,
    predictions: new PredictionLog(nothing, 0),
    terminal,
    // Node aborts as it exits where the terminal is gone: the caller ends the process otherwise then.
    finish: () => Promise.resolve(!closed),
  };
}

/** A pipe as Node opens it refuses what does not fit, and is then tried ten times a second: slower than its reader. */
function waitForReader(): void {
  const { _handle: handle } = process.stdout as { _handle?: { setBlocking?: (isBlocking: boolean) => void } };
  handle?.setBlocking?.(true);
}

function openJsonLog({ level, predictionSample }: LogOptions): Log {
  waitForReader();
  const destination = new LogDestination(1);
  const logger = pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  const predictions = new PredictionLog(destination, logger.isLevelEnabled('info') ? predictionSample : 0);
  return {
    logger,
    predictions,
    destination,
    finish: (milliseconds) => {
      predictions.flush();
      return destination.end(milliseconds);
    },
  };
}

/** Writes one `prediction` event for each sampled row, in pino's line format; events are gathered until `flush`. */
export class PredictionLog {
  readonly #destination: LineDestination;
  #texts = '';
  #count = 0;
  /** Grows by `sample` with each row; a row is logged each time it reaches 1. */
  #sampleCredit = 0;
  /** The parts of a line that are the same for all rows of a batch, and when that batch was scored. */
  #head = '';
  #tail = '';
  #batch = -1;
  /** The millisecond of that head and tail; batches within one share them. */
  #begun = -1;
  #timer: NodeJS.Timeout | undefined;
  /** Events that were dropped on their way: the reader of the log fell behind, or is gone. */
  dropped = 0;
  /** The lines of rows that the kernel has answered; undefined if it answers none. */
  lines: PredictionLines | undefined;

  constructor(
    destination: LineDestination,
    readonly sample: number,
  ) {
    this.#destination = destination;
  }

  /**
   * Runs once per row: positional parameters spare it an object.
   * @param requestId as quoted JSON
   * @param modelVersion as quoted JSON
   * @param at when its batch was scored, the same number for all of its rows
   * @param milliseconds a whole number
   * @param extra further members of the JSON object, each preceded by its comma
   */
  append(requestId: string, score: number, milliseconds: number, modelVersion: string, at: number, extra = ''): void {
    if (!this.#isSampled()) return;
    if (at !== this.#batch) this.#begin(at);
    // What the kernel has written so far comes first.
    if (this.lines !== undefined && this.lines.length > 0) this.#texts += this.lines.take();
    this.#texts +=
      `${this.#head}${requestId},"confidence_score":${score},"inference_time_ms":${milliseconds}` +
      `,"model_version":${modelVersion}${extra}${this.#tail}`;
    this.#count++;
  }

  /** The same for a row that the kernel has answered. */
  appendAnswered(batch: Batch, laneRow: number, milliseconds: number, extra = ''): void {
    if (this.lines === undefined || !this.#isSampled()) return;
    if (batch.delivered !== this.#batch) this.#begin(batch.delivered);
    this.lines.carry(extra);
    if (this.lines.isFull(batch)) this.flush();
    this.lines.append(batch, laneRow, milliseconds);
    this.#count++;
  }

  /** Selects every 1/sample-th row, at even intervals. */
  #isSampled(): boolean {
    this.#sampleCredit += this.sample;
    if (this.#sampleCredit < 1) return false;
    this.#sampleCredit -= 1;
    return true;
  }

  /** Call once per batch: writes the gathered events if they are enough, otherwise starts the timer that does. */
  batchDone(): void {
    if (this.#texts.length + (this.lines?.length ?? 0) >= FLUSH_CHARACTERS) this.flush();
    else if (this.#count > 0) this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  #begin(at: number): void {
    this.#batch = at;
    const now = Date.now();
    if (now === this.#begun) return;
    this.#begun = now;
    const timestamp = new Date(now).toISOString();
    this.#head = `{"level":${LEVEL_INFO},"time":"${timestamp}","pid":${process.pid},"event":"prediction","request_id":`;
    this.#tail = `,"timestamp":"${timestamp}"}\n`;
    this.lines?.begin(this.#head, this.#tail);
  }

  /** Writes `count` whole lines, from this thread or another one. */
  write(lines: string, count: number): void {
    if (!this.#destination.writePredictions(lines, count)) this.dropped += count;
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
