/**
 * The answer of a batch: a JSON array of its rows' answers. With several workers, or with two models in an experiment,
 * they arrive in any order.
 */
export class BatchAnswer {
  readonly #rows: number;
  #bytes = Buffer.alloc(0);
  #end = 0;
  /** Index of the row that is appended next. */
  #next = 0;
  /** Answers that arrived before those of earlier rows, by row index. */
  readonly #early = new Map<number, Buffer>();

  constructor(rows: number) {
    this.#rows = rows;
  }

  /**
   * Adds the answer of one row.
   * @param part JSON; bytes are copied
   * @returns the whole answer if this was the last row to arrive, else undefined
   */
  add(row: number, part: string | Uint8Array): Uint8Array | undefined {
    if (row !== this.#next) {
      this.#early.set(row, typeof part === 'string' ? Buffer.from(part) : Buffer.from(part));
      return undefined;
    }
    this.#append(part);
    for (let early = this.#early.get(this.#next); early !== undefined; early = this.#early.get(this.#next)) {
      this.#early.delete(this.#next);
      this.#append(early);
    }
    if (this.#next < this.#rows) return undefined;
    this.#bytes[this.#end++] = 0x5d;
    return this.#bytes.subarray(0, this.#end);
  }

  #append(part: string | Uint8Array): void {
    // A UTF-16 code unit takes up to three bytes in UTF-8.
    this.#reserve(typeof part === 'string' ? 3 * part.length : part.length);
    this.#bytes[this.#end++] = this.#next === 0 ? 0x5b : 0x2c;
    if (typeof part === 'string') {
      this.#end += this.#bytes.write(part, this.#end);
    } else {
      this.#bytes.set(part, this.#end);
      this.#end += part.length;
    }
    this.#next++;
  }

  /** Grows the buffer for `length` bytes, the separator before them and the closing bracket. */
  #reserve(length: number): void {
    const needed = this.#end + length + 2;
    if (needed <= this.#bytes.length) return;
    // The answers of all rows are about equally long, so the first one predicts the size of the whole.
    const larger = Buffer.allocUnsafe(
      Math.max(needed, 2 * this.#bytes.length, this.#next === 0 ? Math.ceil(1.1 * this.#rows * (length + 1)) + 2 : 0),
    );
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}
