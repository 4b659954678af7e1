/** numpy's types and arrays, as far as models and calibrators use them. */

const NUMERIC = /^(?:b1|[iu][1248]|f[48])$/;

/**
 * An array's type: one letter for the kind (bool, int, uint, float, text; O are Python objects; others are not read),
 * the item size in bytes, and the byte order.
 */
export class Dtype {
  littleEndian = true;

  private constructor(
    readonly kind: string,
    readonly itemSize: number,
  ) {}

  /** Parses numpy's short form ("f8", "U3"); undefined where it is none. */
  static parse(code: string): Dtype | undefined {
    const match = /^([biufcOSUVmM])(\d{1,9})$/.exec(code);
    if (match === null) return undefined;
    const [, kind, size] = match;
    return new Dtype(kind, Number(size) * (kind === 'U' ? 4 : 1));
  }

  get isNumeric(): boolean {
    return NUMERIC.test(this.code);
  }

  get code(): string {
    return `${this.kind}${this.itemSize}`;
  }

  /** Item `index` of packed `data`. 64-bit integers past 2^53 are rounded. */
  read(data: DataView, index: number): number {
    const offset = index * this.itemSize;
    switch (this.code) {
      case 'f8':
        return data.getFloat64(offset, this.littleEndian);
      case 'f4':
        return data.getFloat32(offset, this.littleEndian);
      case 'i8':
        return Number(data.getBigInt64(offset, this.littleEndian));
      case 'u8':
        return Number(data.getBigUint64(offset, this.littleEndian));
      case 'i4':
        return data.getInt32(offset, this.littleEndian);
      case 'u4':
        return data.getUint32(offset, this.littleEndian);
      case 'i2':
        return data.getInt16(offset, this.littleEndian);
      case 'u2':
        return data.getUint16(offset, this.littleEndian);
      case 'i1':
        return data.getInt8(offset);
      default:
        return data.getUint8(offset);
    }
  }

  /** Item `index` of packed `data` of text: code points of four bytes each, zeros behind the last. */
  readText(data: DataView, index: number): string {
    let text = '';
    for (let at = index * this.itemSize; at < (index + 1) * this.itemSize; at += 4) {
      const point = data.getUint32(at, this.littleEndian);
      if (point === 0) break;
      text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
    }
    return text;
  }
}

/**
 * An array as numpy stores it: packed items.
 *
 * Calibrators use one-dimensional arrays, for which C and Fortran order are the same. Arrays of more dimensions may
 * occur in attributes that are never read; they are kept undecoded.
 */
export class NdArray {
  /** @throws RangeError when `data` is not exactly as long as `shape` and `dtype` say. */
  constructor(
    readonly shape: readonly number[],
    readonly dtype: Dtype,
    readonly data: Uint8Array,
  ) {
    const expected = byteLength(shape, dtype);
    if (data.byteLength !== expected) {
      const array = `a numpy array of shape (${shape.join(', ')}) and type ${dtype.code}`;
      throw new RangeError(`${array} needs ${expected} bytes, not ${data.byteLength}`);
    }
  }

  get #view(): DataView {
    return new DataView(this.data.buffer, this.data.byteOffset, this.data.byteLength);
  }

  /** All items of an array of text. */
  toTexts(): string[] {
    const view = this.#view;
    return Array.from({ length: this.data.byteLength / this.dtype.itemSize }, (_, i) => this.dtype.readText(view, i));
  }

  /** All items of a numeric array in the order of memory, as doubles. */
  toFloat64(): Float64Array {
    const view = this.#view;
    const items = new Float64Array(this.data.byteLength / this.dtype.itemSize);
    for (let i = 0; i < items.length; i++) items[i] = this.dtype.read(view, i);
    return items;
  }
}

/** The size of an array in bytes; past 2^53 inexact, Infinity or NaN, which no file is long enough to match. */
export function byteLength(shape: readonly number[], dtype: Dtype): number {
  return shape.reduce((product, size) => product * size, dtype.itemSize);
}
