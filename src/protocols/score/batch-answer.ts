/**
 * The answer of a batch, put together from its rows' answers as they come: in an experiment from two models, with
 * several workers in any order.
 */
export class BatchAnswer {
  #bytes = Buffer.alloc(0);
  #end = 0;
  /** The row that comes next in the answer. */
  #next = 0;
  /** Rows that came before their turn. */
  readonly #early = new Map<number, Buffer>();

  constructor(private readonly rows: number) {}

  /**
   * @param part JSON; bytes are copied
   * @returns the whole answer with its last row, else undefined
   */
  add(place: number, part: string | Uint8Array): Uint8Array | undefined {
    if (place !== this.#next) {
      this.#early.set(place, typeof part === 'string' ? Buffer.from(part) : Buffer.from(part));
      return undefined;
    }
    this.#append(part);
    for (let early = this.#early.get(this.#next); early !== undefined; early = this.#early.get(this.#next)) {
      this.#early.delete(this.#next);
      this.#append(early);
    }
    if (this.#next < this.rows) return undefined;
    this.#bytes[this.#end++] = 0x5d;
    return this.#bytes.subarray(0, this.#end);
  }

  #append(part: string | Uint8Array): void {
    // A character has up to three bytes.
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

  /** Makes room for `length` bytes, what separates them, and the end. */
  #reserve(length: number): void {
    const needed = this.#end + length + 2;
    if (needed <= this.#bytes.length) return;
    // Rows are about as long as each other, so that the first one foretells the rest.
    const larger = Buffer.allocUnsafe(
      Math.max(needed, 2 * this.#bytes.length, this.#next === 0 ? Math.ceil(1.1 * this.rows * (length + 1)) + 2 : 0),
    );
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}
