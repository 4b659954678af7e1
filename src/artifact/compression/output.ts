/** The output buffer that the decompressors share, and their errors. */

/** The compressed data is malformed. */
export class CorruptData extends Error {}

/** The compressed data would expand past the limit. */
export class LimitExceeded extends Error {}

/** Decompressed bytes, which are also the dictionary that back references copy from; never longer than `maxBytes`. */
export class Output {
  length = 0;
  #bytes = new Uint8Array(4096);

  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(byte: number): void {
    if (this.length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = byte;
  }

  append(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  repeat(byte: number, count: number): void {
    this.#grow(count);
    this.#bytes.fill(byte, this.length, this.length + count);
    this.length += count;
  }

  /** The byte `distance` (from 1) before the end; `start` is where the dictionary begins. */
  at(distance: number, start = 0): number {
    if (distance > this.length - start) throw new CorruptData('a back reference points before the data');
    return this.#bytes[this.length - distance];
  }

  /** Repeats `count` bytes from `distance` (from 1) before the end; source and target may overlap. */
  copy(distance: number, count: number, start = 0): void {
    this.at(distance, start);
    this.#grow(count);
    for (let i = 0; i < count; i++, this.length++) this.#bytes[this.length] = this.#bytes[this.length - distance];
  }

  /** The bytes written so far from `start` on, as a view. */
  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.length);
  }

  #grow(count: number): void {
    const needed = this.length + count;
    if (needed > this.#maxBytes) throw new LimitExceeded(`expands past ${this.#maxBytes} bytes`);
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, Math.min(this.#maxBytes, this.#bytes.length * 2)));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }
}
