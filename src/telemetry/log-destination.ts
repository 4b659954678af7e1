/**
 * Writes the log to a descriptor, off the event loop, and bounds what may wait for a slow reader. Predictions give way
 * first; errors, signals and audit lines come through longest. What is lost is counted, by kind.
 */
import sonicBoom from 'sonic-boom';

export const LINE_KINDS = ['prediction', 'event', 'audit', 'error'] as const;
/** `error`: errors, and signals. `event`: everything that is none of the others. */
export type LineKind = (typeof LINE_KINDS)[number];

const MIB = 2 ** 20;
/** Bytes that may wait before lines of a kind are dropped. */
export const MAX_WAITING_BYTES: Readonly<Record<LineKind, number>> = {
  prediction: 16 * MIB,
  event: 17 * MIB,
  audit: 18 * MIB,
  error: 18 * MIB,
};
/** How long a destination rests that refused a write, such as a full disk. */
const RETRY_MS = 1000;
/** `{"level":50`: pino's numbers, from error upwards. */
const ERROR = /^\{"level":[56]0/;
/** Behind level, time and process id, or the members of a child logger. */
const EVENT = /^\{"level":\d+,"time":"[^"]*","pid":\d+,"event":"(audit|signal)"/;

interface Waiting {
  readonly kind: LineKind;
  /** Whole lines. */
  readonly text: string;
  readonly bytes: number;
}

function kindOf(line: string): LineKind {
  if (ERROR.test(line)) return 'error';
  const event = EVENT.exec(line)?.[1];
  if (event === undefined) return 'event';
  return event === 'audit' ? 'audit' : 'error';
}

export class LogDestination {
  /** Lines that will never be written: all but the predictions that were refused. */
  readonly lost: Record<LineKind, number> = { prediction: 0, event: 0, audit: 0, error: 0 };
  readonly #stream: InstanceType<typeof sonicBoom.SonicBoom>;
  /** What the stream holds, in order; `#writtenOfFirst` of the first one's bytes are out. */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writtenOfFirst = 0;
  /** The last write failed. It is tried again, unless the reader is gone. */
  #failed = false;
  #gone = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(descriptor: number) {
    this.#stream = new sonicBoom.SonicBoom({ fd: descriptor, sync: false });
    this.#stream.on('write', (bytes: number) => this.#wrote(bytes));
    this.#stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(error));
  }

  /** Whether lines cannot be written: the disk is full, or the reader is gone. */
  get broken(): boolean {
    return this.#failed;
  }

  /** One line of pino's. */
  write(line: string): void {
    const kind = kindOf(line);
    if (!this.#take(line, kind)) this.lost[kind]++;
  }

  /** Whole lines. @returns false where they are lost, which the caller counts */
  writePredictions(lines: string): boolean {
    return this.#take(lines, 'prediction');
  }

  /**
   * Writes what waits, and closes. What still waits then is lost, and counted.
   * @returns false if its reader has not taken all of it within `milliseconds`; true also where nobody can ever take it
   */
  async end(milliseconds: number): Promise<boolean> {
    clearTimeout(this.#retry);
    if (this.#gone) return true;
    const isOver = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds);
      const ended = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      this.#stream.once('close', ended);
      this.#stream.once('error', ended);
      this.#stream.end();
    });
    this.#loseWaiting();
    return isOver;
  }

  #take(text: string, kind: LineKind): boolean {
    const bytes = Buffer.byteLength(text);
    if (this.#gone || this.#waitingBytes + bytes > MAX_WAITING_BYTES[kind]) return false;
    this.#waiting.push({ kind, text, bytes });
    this.#waitingBytes += bytes;
    this.#stream.write(text);
    return true;
  }

  #wrote(bytes: number): void {
    if (bytes > 0) this.#failed = false;
    this.#waitingBytes -= bytes;
    this.#writtenOfFirst += bytes;
    let done = 0;
    for (const entry of this.#waiting) {
      if (this.#writtenOfFirst < entry.bytes) break;
      this.#writtenOfFirst -= entry.bytes;
      done++;
    }
    if (done > 0) this.#waiting.splice(0, done);
  }

  /** The failure cannot be logged, and scoring goes on without the log. */
  #fail({ code }: NodeJS.ErrnoException): void {
    this.#failed = true;
    if (code === 'EPIPE') {
      this.#gone = true;
      this.#loseWaiting();
      return;
    }
    clearTimeout(this.#retry);
    // Writes nothing of its own: the stream goes on with what it holds.
    this.#retry = setTimeout(() => this.#stream.write(''), RETRY_MS);
    this.#retry.unref();
  }

  #loseWaiting(): void {
    let written = this.#writtenOfFirst;
    for (const { kind, text } of this.#waiting) {
      const rest = Buffer.from(text).subarray(written).toString('latin1');
      this.lost[kind] += rest.split('\n').length - 1;
      written = 0;
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
