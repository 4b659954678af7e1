/** The file of an audit trail: opened where its chain ends, appended to, and looked at before each write. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { LightscoreError } from '../errors.js';
import { sha256Hex } from '../sha256.js';
import { systemReason } from '../system-error.js';
import { CHAIN_START, type ChainEnd, readEntry } from './chain.js';

const LINE_FEED = 0x0a;
/** How much of the end of a file is read to find its last entry: more than any entry has. */
const TAIL_BYTES = 1 << 20;

/** The bytes behind the last whole line, which were removed: the machine stopped while they were written. */
export interface Torn {
  readonly bytes: number;
  readonly sha256: string;
}

/** What has happened to a file since the last write. */
export type Displaced = 'moved or deleted' | 'emptied';

export interface OpenedFile {
  readonly file: AuditFile;
  /** The last entry in it. */
  readonly end: ChainEnd;
  readonly torn: Torn | undefined;
}

export class AuditFile {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #size: number;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /**
   * Opens the file, which is created if it does not exist, and finds the end of its chain.
   * @throws LightscoreError CONFIG_INVALID if it cannot be continued
   */
  static async open(path: string): Promise<OpenedFile> {
    let handle: FileHandle | undefined;
    try {
      const before = await stat(path).catch(() => undefined);
      if (before !== undefined) requireFile(before);
      handle = await open(path, 'a+', 0o640);
      const { end, size, torn } = await readEnd(handle);
      return { file: new AuditFile(path, handle, size), end, torn };
    } catch (error) {
      await handle?.close();
      const reason = error instanceof Unusable ? error.message : `cannot be opened for writing: ${systemReason(error)}`;
      throw new LightscoreError('CONFIG_INVALID', `AUDIT_LOG: ${path}: ${reason}`, { cause: error });
    }
  }

  /**
   * Appends whole lines; they are on disk (fdatasync) when this resolves. What a failed write has left is removed.
   * @returns what has happened to the file meanwhile: the lines are the first ones of another one, then
   * @throws the operating system's error, or one that says who else has written to the file
   */
  async append(lines: string): Promise<Displaced | undefined> {
    const { handle, displaced } = await this.#current();
    try {
      await handle.appendFile(lines);
      await handle.datasync();
    } catch (error) {
      await this.#undo(handle);
      throw error;
    }
    this.#size += Buffer.byteLength(lines);
    return displaced;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** The file that has the name now. */
  async #current(): Promise<{ readonly handle: FileHandle; readonly displaced: Displaced | undefined }> {
    const named = await stat(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (named !== undefined) requireFile(named);
    const size = named?.size ?? 0;
    if (size !== this.#size && size !== 0) throw new Error(`its size is not what this server has left: ${ELSE}`);
    const own = await this.#handle?.stat();
    const isSame = named !== undefined && own !== undefined && named.ino === own.ino && named.dev === own.dev;
    if (!isSame) await this.close();
    const handle = (this.#handle ??= await open(this.#path, 'a', 0o640));
    if (size === this.#size) return { handle, displaced: undefined };
    this.#size = 0;
    return { handle, displaced: isSame ? 'emptied' : 'moved or deleted' };
  }

  async #undo(handle: FileHandle): Promise<void> {
    this.#handle = undefined;
    try {
      await handle.truncate(this.#size);
    } finally {
      await handle.close();
    }
  }
}

const ELSE = 'somebody else has written to it';

/** Why a file cannot be an audit trail. */
class Unusable extends Error {}

function requireFile(stats: Stats): void {
  if (stats.isFile()) return;
  throw new Unusable(
    stats.isDirectory()
      ? 'cannot be opened for writing: it is a folder, not a file'
      : 'cannot be an audit trail: it is a pipe, a socket or a device, not a file',
  );
}

/** Finds the last entry. A line without a line feed is removed: nobody has been told that it is on disk. */
async function readEnd(
  handle: FileHandle,
): Promise<{ readonly end: ChainEnd; readonly size: number; readonly torn: Torn | undefined }> {
  const { size } = await handle.stat();
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  await handle.read(tail, 0, tail.length, size - tail.length);
  const complete = tail.lastIndexOf(LINE_FEED) + 1;
  const rest = tail.subarray(complete);
  if (rest.length === TAIL_BYTES) throw new Unusable('is not an audit trail: its last line is too long');
  let end = CHAIN_START;
  if (complete > 0) {
    const line = tail.subarray(tail.lastIndexOf(LINE_FEED, complete - 2) + 1, complete - 1).toString('utf8');
    const entry = readEntry(line);
    if (typeof entry === 'string')
      throw new Unusable(
        `cannot be continued: its last entry is broken: ${entry}; ` +
          'move the file away, and check it with `lightscore audit verify`',
      );
    ({ end } = entry);
  }
  if (rest.length === 0) return { end, size, torn: undefined };
  await handle.truncate(size - rest.length);
  await handle.sync();
  return { end, size: size - rest.length, torn: { bytes: rest.length, sha256: sha256Hex(rest) } };
}
