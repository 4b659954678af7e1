/** Writes the audit trail: every entry goes to the log, and to the file AUDIT_LOG if it is set. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';
import type { Logger } from '../telemetry/log.js';
import { type AuditEvent, CHAIN_START, type ChainEnd, chainEntry, readEntry } from './chain.js';
import { sha256Hex } from '../sha256.js';

const LINE_FEED = 0x0a;
/** How much of the end of a file is read to find its last entry: more than any entry has. */
const TAIL_BYTES = 1 << 20;

/**
 * Appends entries in the order of the calls. Each is on disk (fdatasync) before its promise resolves; writing does not
 * block this thread. A file must not be shared by two processes.
 */
export class AuditTrail {
  readonly #file: string | undefined;
  readonly #logger: Logger;
  #end: ChainEnd = CHAIN_START;
  #handle: FileHandle | undefined;
  #written: Promise<void> = Promise.resolve();
  /** Lines that are not on disk yet: after a failure, they are written again with the next entry. */
  #waiting = '';
  /** Failed writes. */
  failures = 0;

  /**
   * @param file AUDIT_LOG; undefined: entries go to the log only
   * @throws LightscoreError CONFIG_INVALID if the file cannot be continued
   */
  constructor(file: string | undefined, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
    if (file === undefined) return;
    const { end, torn } = continueFile(file);
    this.#end = end;
    if (torn !== undefined)
      void this.append({
        event: 'audit_recovered',
        actor: 'start',
        outcome: 'done',
        reason: 'the last entry was incomplete; its bytes were removed',
        ...torn,
      });
  }

  /** The newest entry. */
  get end(): ChainEnd {
    return this.#end;
  }

  /** Resolves when the entry is on disk, or a failed write is in the log: a full disk does not stop the server. */
  append(event: AuditEvent): Promise<void> {
    const { line, end } = chainEntry(this.#end, new Date(), event);
    this.#end = end;
    const file = this.#file;
    // In the log, `event` is always "audit"; the name of the audit event is `audit`.
    const { event: audit, ...details } = event;
    const subject = event.version === undefined ? audit : `${audit} ${event.version}`;
    const outcome = event.reason === undefined ? event.outcome : `${event.outcome} (${event.reason})`;
    this.#logger.info(
      { event: 'audit', audit, ...details, ...(file !== undefined && { sequence: end.sequence, hash: end.hash }) },
      `audit: ${subject} by ${event.actor}: ${outcome}`,
    );
    if (file === undefined) return Promise.resolve();
    this.#written = this.#written.then(() => this.#write(file, line));
    return this.#written;
  }

  /** Waits for the entries so far, then closes the file. */
  async close(): Promise<void> {
    await this.#written;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #write(file: string, line: string): Promise<void> {
    this.#waiting += `${line}\n`;
    let sizeBefore: number | undefined;
    try {
      this.#handle ??= await open(file, 'a', 0o640);
      sizeBefore = (await this.#handle.stat()).size;
      await this.#handle.appendFile(this.#waiting);
      await this.#handle.datasync();
      this.#waiting = '';
    } catch (error) {
      this.failures++;
      this.#logger.error(
        { event: 'audit_failed', err: error },
        `${file}: cannot write the audit trail; its entries are in this log, and are written again with the next one`,
      );
      await this.#undoWrite(sizeBefore);
    }
  }

  /** Removes what a failed write has left in the file, so that its lines can be written again completely. */
  async #undoWrite(size: number | undefined): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    try {
      if (size !== undefined) await handle.truncate(size);
      await handle.close();
    } catch (error) {
      this.#logger.error(
        { event: 'audit_failed', err: error },
        `${this.#file}: cannot remove the incomplete entry that a failed write has left`,
      );
    }
  }
}

/**
 * Finds the end of the chain in `file`, which is created if it does not exist. A last line without a line feed is
 * removed: the machine stopped while it was written, so nobody has been told that the entry is on disk.
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
    if (rest.length === TAIL_BYTES) throw invalid('is not an audit trail: its last line is too long');
    let end = CHAIN_START;
    if (complete > 0) {
      const lastLine = tail.subarray(tail.lastIndexOf(LINE_FEED, complete - 2) + 1, complete - 1).toString('utf8');
      const entry = readEntry(lastLine);
      if (typeof entry === 'string')
        throw invalid(
          `cannot be continued: its last entry is broken: ${entry}; ` +
            'move the file away, and check it with `lightscore audit verify`',
        );
      ({ end } = entry);
    }
    if (rest.length === 0) return { end, torn: undefined };
    ftruncateSync(fd, size - rest.length);
    fsyncSync(fd);
    return { end, torn: { bytes: rest.length, sha256: sha256Hex(rest) } };
  } finally {
    closeSync(fd);
  }
}
