/** numpy's types and arrays, as far as calibrators use them. */
/** An array's type: one letter for the kind (bool, int, uint, float), the item size in bytes, and the byte order. */
export class Dtype {
  littleEndian = true;

  private constructor(
    readonly kind: string,
    readonly itemSize: number,
  ) {}

  /** Parses numpy's short form ("f8", "b1"); undefined for text, objects, records, dates and complex numbers. */
  static parse(code: string): Dtype | undefined {
    const match = /^(?:(b)(1)|([iu])([1248])|(f)([48]))$/.exec(code);
    if (match === null) return undefined;
    return new Dtype(match[1] ?? match[3] ?? match[5], Number(match[2] ?? match[4] ?? match[6]));
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

  /** All items in the order of memory, as doubles. */
  toFloat64(): Float64Array {
    const view = new DataView(this.data.buffer, this.data.byteOffset, this.data.byteLength);
    const items = new Float64Array(this.data.byteLength / this.dtype.itemSize);
    for (let i = 0; i < items.length; i++) items[i] = this.dtype.read(view, i);
    return items;
  }
}

/** The size of an array in bytes; past 2^53 inexact, Infinity or NaN, which no file is long enough to match. */
export function byteLength(shape: readonly number[], dtype: Dtype): number {
  return shape.reduce((product, size) => product * size, dtype.itemSize);
}
