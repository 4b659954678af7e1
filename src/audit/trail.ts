/**
 * Writes the audit trail: every entry goes to the log, and to the file AUDIT_LOG if it is set. What cannot be written
 * waits, in order; what is lost is counted, and an entry says how much it was.
 */
import { messageOf } from '../errors.js';
import type { Logger } from '../telemetry/log.js';
import { type AuditEvent, CHAIN_START, type ChainEnd, GAP_EVENT, MOVED_EVENT, chainEntry } from './chain.js';
import { AuditFile, type OpenedFile } from './file.js';
import { type Head, HeadFile } from './head.js';
import { type FileLock, lockFile } from './lock.js';

/** Bytes of entries that may wait for the disk. */
const MAX_WAITING_BYTES = 8 * 2 ** 20;
/** How long `append` waits for the disk: a mount that hangs does not hang its callers. */
const WRITE_MS = 5000;
/** How long a disk rests that refused a write. */
const RETRY_MS = 5000;
/** How long closing waits for the disk. */
const CLOSE_MS = 1000;

interface Waiting {
  /** With its line feed. */
  readonly line: string;
  readonly end: ChainEnd;
  /** Tells the caller whether the entry is on disk; further calls do nothing. */
  readonly settle: (isWritten: boolean) => void;
}

interface TrailFiles {
  readonly path: string;
  readonly file: AuditFile;
  readonly headFile: HeadFile;
  readonly lock: FileLock;
}

/** Appends entries in the order of the calls; writing does not block this thread. */
export class AuditTrail {
  readonly #logger: Logger;
  readonly #files: TrailFiles | undefined;
  #end: ChainEnd = CHAIN_START;
  /** The newest entry in the file. */
  #written: ChainEnd = CHAIN_START;
  /** Entries that are not on disk yet: after a failure, they are written again. */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Entries that found no room to wait since the last one that did. */
  #skipped = 0;
  #writing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Failed writes. */
  failures = 0;
  /** Entries that are in no file: those of this process, and those that its start has found missing. */
  lost = 0;

  private constructor(logger: Logger, files?: TrailFiles) {
    this.#logger = logger;
    this.#files = files;
  }

  /**
   * @param path AUDIT_LOG; undefined: entries go to the log only
   * @throws LightscoreError CONFIG_INVALID if the file cannot be continued, or another process writes to it
   */
  static async open(path: string | undefined, logger: Logger): Promise<AuditTrail> {
    if (path === undefined) return new AuditTrail(logger);
    // What cannot be a trail is said first; beside a folder or a device there is no lock.
    const opened = await AuditFile.open(path);
    let lock: FileLock | undefined;
    try {
      lock = await lockFile(path);
      const { headFile, head } = await HeadFile.open(`${path}.head`);
      const trail = new AuditTrail(logger, { path, file: opened.file, headFile, lock });
      if (lock.failure !== undefined)
        logger.warn(
          { event: 'audit_unlocked' },
          `AUDIT_LOG: ${path}: cannot be locked against a second process: ${lock.failure}`,
        );
      trail.#continue(opened, head);
      return trail;
    } catch (error) {
      await opened.file.close();
      await lock?.release();
      throw error;
    }
  }

  /** The newest entry. */
  get end(): ChainEnd {
    return this.#end;
  }

  /** Entries that wait for the disk. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @returns true once the entry is on disk; false where it waits, or is lost: a full disk does not stop the server */
  append(event: AuditEvent): Promise<boolean> {
    return this.#append(event, 0);
  }

  /**
   * Waits for the entries so far, a second at most, then closes the file.
   * @returns false if the disk still hangs: a thread of this process waits for it
   */
  async close(): Promise<boolean> {
    clearTimeout(this.#retry);
    const files = this.#files;
    if (files === undefined) return true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), CLOSE_MS)));
    const outcome = await Promise.race([this.#write(files, 'close'), late]);
    clearTimeout(timer);
    clearTimeout(this.#retry);
    const unwritten = this.#waiting.length + this.#skipped;
    if (unwritten > 0) {
      this.lost += this.#waiting.length;
      this.#logger.error(
        { event: 'audit_lost', lost: unwritten },
        `${files.path}: ${unwritten} entries could not be written and are in this log only; ` +
          'the next start records the gap',
      );
    }
    if (outcome === 'late') return false;
    await Promise.all([files.file.close(), files.headFile.close(), files.lock.release()]);
    return true;
  }

  /** Follows the last entry of the file, or of its head where the file has ended without it. */
  #continue({ end, torn }: OpenedFile, head: Head = { assigned: 0, written: CHAIN_START }): void {
    const isNew = end.sequence === 0 && head.written.sequence > 0;
    this.#end = this.#written = isNew ? head.written : end;
    const lost = Math.max(0, head.assigned - this.#end.sequence);
    this.lost = lost;
    const first = this.#end.sequence + lost + 1;
    if (lost > 0) void this.#appendGap(lost, torn);
    else if (torn !== undefined)
      void this.append({
        event: 'audit_recovered',
        actor: 'start',
        outcome: 'done',
        reason: 'the last entry was incomplete; its bytes were removed',
        ...torn,
      });
    if (isNew) void this.#appendMoved(first, 'moved, deleted or emptied while no server wrote to it');
  }

  #appendGap(lost: number, details: object = {}): Promise<boolean> {
    const reason = `${lost} entries are not in the file: they could not be written, or were removed`;
    return this.#append({ event: GAP_EVENT, actor: 'server', outcome: 'done', reason, lost, ...details }, lost);
  }

  #appendMoved(first: number, how: string): Promise<boolean> {
    const reason = `the file was ${how}: entries before ${first} are not in this one`;
    return this.append({ event: MOVED_EVENT, actor: 'server', outcome: 'done', reason, first });
  }

  #append(event: AuditEvent, lost: number): Promise<boolean> {
    const files = this.#files;
    if (this.#skipped > 0 || this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#skipped++;
      this.lost++;
      this.#log(event, { sequence: this.#end.sequence + this.#skipped });
      return Promise.resolve(false);
    }
    const { line, end } = chainEntry(this.#end, new Date(), event, lost);
    this.#end = end;
    this.#log(event, files && { sequence: end.sequence, hash: end.hash });
    if (files === undefined) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), WRITE_MS);
      const settle = (isWritten: boolean): void => {
        clearTimeout(timer);
        resolve(isWritten);
      };
      this.#waiting.push({ line: `${line}\n`, end, settle });
      this.#waitingBytes += Buffer.byteLength(line);
      void this.#write(files, 'entry');
    });
  }

  /** In the log, `event` is always "audit"; the name of the audit event is `audit`. */
  #log(event: AuditEvent, place: { readonly sequence: number; readonly hash?: string } | undefined): void {
    const { event: audit, ...details } = event;
    const subject = event.version === undefined ? audit : `${audit} ${event.version}`;
    const outcome = event.reason === undefined ? event.outcome : `${event.outcome} (${event.reason})`;
    this.#logger.info(
      { event: 'audit', audit, ...details, ...place },
      `audit: ${subject} by ${event.actor}: ${outcome}`,
    );
  }

  #write(files: TrailFiles, cause: 'entry' | 'retry' | 'close'): Promise<void> {
    return (this.#writing ??= this.#writeWaiting(files, cause));
  }

  /** Writes until nothing waits, or the disk refuses. */
  async #writeWaiting(files: TrailFiles, cause: 'entry' | 'retry' | 'close'): Promise<void> {
    clearTimeout(this.#retry);
    // What is appended in this turn is written together.
    await Promise.resolve();
    try {
      do {
        while (this.#waiting.length > 0) await this.#writeOnce(files);
        await this.#writeHead(files);
      } while (this.#waiting.length > 0);
    } catch (error) {
      this.#fail(files, error, cause === 'entry');
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeOnce(files: TrailFiles): Promise<void> {
    const entries = [...this.#waiting];
    await this.#writeHead(files);
    const displaced = await files.file.append(entries.map(({ line }) => line).join(''));
    this.#waiting.splice(0, entries.length);
    this.#waitingBytes = this.#waiting.reduce((bytes, { line }) => bytes + Buffer.byteLength(line), 0);
    this.#written = entries[entries.length - 1].end;
    for (const { settle } of entries) settle(true);
    const skipped = this.#skipped;
    this.#skipped = 0;
    if (skipped > 0) void this.#appendGap(skipped);
    if (displaced !== undefined) void this.#appendMoved(entries[0].end.sequence, displaced);
  }

  #fail(files: TrailFiles, error: unknown, isLogged: boolean): void {
    this.failures++;
    if (isLogged)
      this.#logger.error(
        { event: 'audit_failed', err: error, waiting: this.#waiting.length },
        `${files.path}: cannot write the audit trail: ${messageOf(error)}; ` +
          'its entries are in this log, and are written again later',
      );
    for (const { settle } of this.#waiting) settle(false);
    this.#retry = setTimeout(() => void this.#write(files, 'retry'), RETRY_MS);
    this.#retry.unref();
  }

  /** Without it a start after a full disk cannot tell what was lost; the trail is written all the same. */
  async #writeHead(files: TrailFiles): Promise<void> {
    try {
      await files.headFile.write({ assigned: this.#end.sequence + this.#skipped, written: this.#written });
    } catch (error) {
      this.failures++;
      this.#logger.error({ event: 'audit_failed', err: error }, `${files.path}.head: cannot be written`);
    }
  }
}
