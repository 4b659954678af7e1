/** Bounds-checked reading of binary data. */

/** Reads numbers, little-endian by default, and runs of bytes from `source`; throws `fault(reason)` past its end. */
export class ByteReader {
  #offset = 0;
  readonly #view: DataView;

  readonly #source: Uint8Array;
  readonly #fault: (reason: string) => Error;

  constructor(source: Uint8Array, fault: (reason: string) => Error) {
    this.#source = source;
    this.#fault = fault;
    this.#view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  get position(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#source.byteLength - this.#offset;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** Rounds past 2^53; a length or size that large exceeds any file anyway. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  float64BigEndian(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** The next `length` bytes, as a view of the source. */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#source.subarray(start, start + length);
  }

  /** The text up to the next line feed, which is consumed. */
  line(): string {
    const end = this.#source.indexOf(0x0a, this.#offset);
    if (end === -1) throw this.#fault('it is truncated');
    const text = new TextDecoder('latin1').decode(this.bytes(end - this.#offset));
    this.#offset++;
    return text;
  }

  #advance(length: number): number {
    const start = this.#offset;
    // Not `>`: a length computed from a damaged shape may be NaN.
    if (!(length <= this.#source.byteLength - start)) throw this.#fault('it is truncated');
    this.#offset += length;
    return start;
  }
}
