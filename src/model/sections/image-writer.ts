/** Planning and writing an image: offsets are reserved first, then every section writes its own bytes. */

/** Reserves bytes of the image before anything is written. */
export class ImagePlan {
  /** @param bytes number of bytes reserved so far */
  constructor(public bytes: number) {}

  /** @returns the offset of `bytes` bytes, a multiple of `alignment` */
  reserve(bytes: number, alignment = 8): number {
    const at = Math.ceil(this.bytes / alignment) * alignment;
    this.bytes = at + bytes;
    return at;
  }
}

/** The image while it is written, little-endian as WebAssembly reads it. Offsets are in bytes. */
export class ImageWriter {
  readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  i32 = (at: number, value: number): void => this.view.setInt32(at, value, true);
  f64 = (at: number, value: number): void => this.view.setFloat64(at, value, true);

  f64s = (at: number, values: ArrayLike<number>): void => {
    for (let i = 0; i < values.length; i++) this.f64(at + 8 * i, values[i]);
  };

  i32s = (at: number, values: ArrayLike<number>): void => {
    for (let i = 0; i < values.length; i++) this.i32(at + 4 * i, values[i]);
  };

  u32s = (at: number, values: Uint32Array): void => {
    for (let i = 0; i < values.length; i++) this.view.setUint32(at + 4 * i, values[i], true);
  };

  u16s = (at: number, values: ArrayLike<number>): void => {
    for (let i = 0; i < values.length; i++) this.view.setUint16(at + 2 * i, values[i], true);
  };
}

/** Writes a planned section. */
export type WriteSection = (writer: ImageWriter) => void;
