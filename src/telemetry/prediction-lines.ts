/**
 * The log lines of predictions that the kernel has answered: the kernel writes them too, because the answer already
 * contains most of a line's text.
 */
import * as L from '../../workers/kernel/layout.js';
import type { Batch } from '../scoring/batcher.js';
import type { TextKernel } from '../scoring/kernel.js';
import type { Regions } from '../scoring/memory.js';
import type { ScoringPool } from '../scoring/pool.js';

/** Bytes of gathered lines. */
const LINES_BYTES = 196_608;
/** Bytes of the text that begins, and of the text that ends, every line of a batch. */
const BEGIN_BYTES = 256;
const END_BYTES = 1024;
const END_AT = L.LINES_HEADER_BYTES + BEGIN_BYTES;
const FIRST_LINE = L.LINES_HEADER_BYTES + BEGIN_BYTES + END_BYTES;

export class PredictionLines {
  readonly #kernel: TextKernel;
  /** Address of the buffer in the shared memory. */
  readonly #address: number;
  readonly #bytes: Buffer;
  /** Unsigned, because addresses may exceed 2 GiB. */
  readonly #header: Uint32Array;
  /** Bytes of the current begin and end texts together. */
  #ends = 0;
  /** What ends the lines of a batch, and what those of a request carry before it. */
  #end = '';
  #extra = '';
  /** Bytes of `#extra`, which stands right before `#end`. */
  #extraBytes = 0;

  constructor({ memory, kernels }: ScoringPool<Regions>) {
    this.#kernel = kernels.text;
    this.#address = memory.allocate(FIRST_LINE + LINES_BYTES);
    const { buffer } = memory.memory;
    this.#bytes = Buffer.from(buffer, this.#address, FIRST_LINE + LINES_BYTES);
    this.#header = new Uint32Array(buffer, this.#address, L.LINES_HEADER_BYTES / 4);
    this.#header[L.LINES_NEXT / 4] = this.#address + FIRST_LINE;
  }

  /** Bytes of lines gathered so far. */
  get length(): number {
    return this.#header[L.LINES_NEXT / 4] - this.#address - FIRST_LINE;
  }

  /**
   * Sets the texts, in ASCII, that begin and end the next lines: everything before the request id, and everything after
   * the model version.
   */
  begin(begin: string, end: string): void {
    const at = L.LINES_HEADER_BYTES;
    const header = this.#header;
    header[L.LINES_BEGIN / 4] = this.#address + at;
    header[L.LINES_BEGIN / 4 + 1] = this.#bytes.write(begin, at, BEGIN_BYTES, 'latin1');
    header[L.LINES_END / 4] = this.#address + at + BEGIN_BYTES;
    this.#end = end;
    this.#extra = '';
    this.#extraBytes = 0;
    this.#writeEnd();
  }

  /** Members that the next lines carry, each with its comma in front: UTF-8 of at most 900 bytes. */
  carry(extra: string): void {
    if (extra === this.#extra) return;
    this.#extra = extra;
    const bytes = this.#bytes.write(extra, END_AT, END_BYTES);
    // One trace id is as long as another: what ends the lines is in its place already.
    if (bytes === this.#extraBytes) return;
    this.#extraBytes = bytes;
    this.#writeEnd();
  }

  #writeEnd(): void {
    const header = this.#header;
    const extra = this.#extraBytes;
    header[L.LINES_END / 4 + 1] = extra + this.#bytes.write(this.#end, END_AT + extra, END_BYTES - extra);
    this.#ends = header[L.LINES_BEGIN / 4 + 1] + header[L.LINES_END / 4 + 1];
  }

  /** Whether another line of this batch might not fit. */
  isFull({ model }: Batch): boolean {
    return this.length + this.#ends + model.lineBytes > LINES_BYTES;
  }

  append({ lane, model }: Batch, laneRow: number, milliseconds: number): void {
    this.#kernel.appendLine(this.#address, model.text, lane.address, laneRow, milliseconds);
  }

  /** Removes and returns the gathered lines. */
  take(): string {
    const end = FIRST_LINE + this.length;
    this.#header[L.LINES_NEXT / 4] = this.#address + FIRST_LINE;
    return this.#bytes.toString('utf8', FIRST_LINE, end);
  }
}
