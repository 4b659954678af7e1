/** The audit trail as it is written: to AUDIT_LOG, and every entry to the log as well. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';
import type { Logger } from '../telemetry/log.js';
import { type AuditEvent, CHAIN_START, type ChainEnd, chainEntry, readEntry } from './chain.js';

const LINE_FEED = 0x0a;
/** More than any entry has. */
const TAIL_BYTES = 1 << 20;

/**
 * Appends entries in the order of the calls, each on disk (fdatasync) before its promise resolves, and none of it on
 * this thread's time. A file belongs to one process.
 */
export class AuditTrail {
  #end: ChainEnd = CHAIN_START;
  #handle: FileHandle | undefined;
  #written: Promise<void> = Promise.resolve();
  /** Lines that are not on disk yet: after a failure, they go with the next entry. */
  #waiting = '';
  /** Failed writes. */
  failures = 0;

  /**
   * @param file AUDIT_LOG; undefined: entries go to the log only
   * @throws LightscoreError CONFIG_INVALID where the file cannot be continued
   */
  constructor(
    private readonly file: string | undefined,
    private readonly logger: Logger,
  ) {
    if (file === undefined) return;
    const { end, torn } = continueFile(file);
    this.#end = end;
    if (torn !== undefined)
      void this.append({
        event: 'audit_recovered',
        actor: 'start',
        outcome: 'done',
        reason: 'the last entry was not written to its end; its bytes were taken away',
        ...torn,
      });
  }

  /** The newest entry. */
  get end(): ChainEnd {
    return this.#end;
  }

  /** Resolves when the entry is on disk, or its failure in the log: nothing is held up by a full disk but the proof. */
  append(event: AuditEvent): Promise<void> {
    const { line, end } = chainEntry(this.#end, new Date(), event);
    this.#end = end;
    const { file } = this;
    // pino has members of its own by these names.
    const { event: audit, ...details } = event;
    this.logger.info(
      { event: 'audit', audit, ...details, ...(file !== undefined && { sequence: end.sequence, hash: end.hash }) },
      `audit: ${audit}${event.version === undefined ? '' : ` ${event.version}`} by ${event.actor}: ${event.outcome}${event.reason === undefined ? '' : ` (${event.reason})`}`,
    );
    if (file === undefined) return Promise.resolve();
    this.#written = this.#written.then(() => this.#write(file, line));
    return this.#written;
  }

  /** Every entry so far is on disk. */
  async close(): Promise<void> {
    await this.#written;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #write(file: string, line: string): Promise<void> {
    this.#waiting += `${line}\n`;
    let whole: number | undefined;
    try {
      this.#handle ??= await open(file, 'a', 0o640);
      whole = (await this.#handle.stat()).size;
      await this.#handle.appendFile(this.#waiting);
      await this.#handle.datasync();
      this.#waiting = '';
    } catch (error) {
      this.failures++;
      this.logger.error(
        { event: 'audit_failed', err: error },
        `${file}: the audit trail cannot be written; its entries wait, and are in this log`,
      );
      await this.#takeBack(whole);
    }
  }

  /** Takes away what a failed write has left behind, so that the lines can be written again as a whole. */
  async #takeBack(size: number | undefined): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    try {
      if (size !== undefined) await handle.truncate(size);
      await handle.close();
    } catch (error) {
      this.logger.error(
        { event: 'audit_failed', err: error },
        `${this.file}: the rest of a failed write could not be taken away`,
      );
    }
  }
}

/**
 * Where the chain of `file` stands. A last line without its end (the machine stopped while it was written, before
 * anything was told that it was done) is taken away.
 */
function continueFile(file: string): { end: ChainEnd; torn: { bytes: number; sha256: string } | undefined } {
  const invalid = (reason: string, cause?: unknown): LightscoreError =>
    new LightscoreError('CONFIG_INVALID', `AUDIT_LOG: ${file}: ${reason}`, { cause });
  let fd: number;
  try {
    fd = openSync(file, 'a+', 0o640);
  } catch (error) {
    throw invalid(`cannot be opened for writing: ${systemReason(error)}`, error);
  }
  try {
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(fd, tail, 0, tail.length, size - tail.length);
    const complete = tail.lastIndexOf(LINE_FEED) + 1;
    const rest = tail.subarray(complete);
    if (rest.length === TAIL_BYTES) throw invalid('is no audit trail: its last line is too long');
    let end = CHAIN_START;
    if (complete > 0) {
      const lastLine = tail.subarray(tail.lastIndexOf(LINE_FEED, complete - 2) + 1, complete - 1).toString('utf8');
      const entry = readEntry(lastLine);
      if (typeof entry === 'string')
        throw invalid(
          `cannot be continued: its last entry is broken: ${entry}; move the file away (and see \`lightscore audit verify\`)`,
        );
      ({ end } = entry);
    }
    if (rest.length === 0) return { end, torn: undefined };
    ftruncateSync(fd, size - rest.length);
    fsyncSync(fd);
    return { end, torn: { bytes: rest.length, sha256: createHash('sha256').update(rest).digest('hex') } };
  } finally {
    closeSync(fd);
  }
}
