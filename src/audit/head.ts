/**
 * The head of an audit trail: a small file beside it that knows the newest entry, also where the disk was too full for
 * that. It has one size for ever and is written in place, which takes no further space.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';
import { CHAIN_START, type ChainEnd } from './chain.js';

const HEAD_BYTES = 256;

export interface Head {
  /** The number of the newest entry, wherever it is: in the file, in the log only, or nowhere. */
  readonly assigned: number;
  /** The newest entry that is in a file. */
  readonly written: ChainEnd;
}

export class HeadFile {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** @throws LightscoreError CONFIG_INVALID if it cannot be opened */
  static async open(file: string): Promise<{ readonly headFile: HeadFile; readonly head: Head | undefined }> {
    try {
      return await HeadFile.#open(file);
    } catch (error) {
      const message = `AUDIT_LOG: ${file}: cannot be opened for writing: ${systemReason(error)}`;
      throw new LightscoreError('CONFIG_INVALID', message, { cause: error });
    }
  }

  static async #open(file: string): Promise<{ readonly headFile: HeadFile; readonly head: Head | undefined }> {
    const handle = await open(file, 'a+', 0o640);
    await handle.close();
    // Opened anew, as what is opened for appending is not written in place.
    const inPlace = await open(file, 'r+');
    const { buffer, bytesRead } = await inPlace.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return { headFile: new HeadFile(inPlace), head: parse(buffer.toString('latin1', 0, bytesRead)) };
  }

  /** @throws the operating system's error */
  async write({ assigned, written }: Head): Promise<void> {
    const text = JSON.stringify({ assigned, written: written.sequence, hash: written.hash });
    await this.#handle.write(`${text.padEnd(HEAD_BYTES - 1)}\n`, 0, 'latin1');
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Undefined where the file is new, or not a head. */
function parse(text: string): Head | undefined {
  try {
    const { assigned, written, hash } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (!Number.isSafeInteger(assigned) || !Number.isSafeInteger(written)) return undefined;
    if (typeof hash !== 'string' || hash.length !== CHAIN_START.hash.length) return undefined;
    return { assigned: Number(assigned), written: { sequence: Number(written), hash } };
  } catch {
    return undefined;
  }
}
