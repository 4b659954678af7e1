/** Bodies of `/score` read by the kernel, without a JavaScript value made of them. What it leaves alone is JSON.parse's and the schema's. */
import * as L from '../../workers/kernel/layout.js';
import type { TextKernel } from '../scoring/kernel.js';
import type { Lane } from '../scoring/lane.js';
import type { SharedMemory } from '../scoring/memory.js';

/** Larger bodies are the host's. */
const MOST_BODY_BYTES = 65_536;
/** What ends a body, and what the kernel reads behind it. */
const SLACK_BYTES = 2 * L.COPY_BYTES;

/** Where the kernel reads the requests of one thread, for one set of feature names at a time. */
export class RequestReader {
  readonly #body: number;
  /** The address of the body in bytes. */
  readonly #bytes: Buffer;
  #names: readonly string[] = [];
  #reader = 0;
  #header: Int32Array | undefined;
  #rowAddress = 0;
  /** [features] of the request that was read last, in the order of the names; NaN for null */
  #row: Float64Array = new Float64Array(0);

  constructor(
    private readonly memory: SharedMemory,
    private readonly kernel: TextKernel,
  ) {
    this.#body = memory.allocate(MOST_BODY_BYTES + SLACK_BYTES);
    this.#bytes = Buffer.from(memory.memory.buffer, this.#body, MOST_BODY_BYTES + SLACK_BYTES);
  }

  /** From now on requests are about these features. */
  expect(names: readonly string[]): void {
    if (names === this.#names) return;
    if (this.#reader > 0) this.memory.free(this.#reader);
    this.#names = names;
    const texts = names.map((name) => Buffer.from(JSON.stringify(name)));
    const count = names.length;
    // At most half full.
    const bits = Math.ceil(Math.log2(count)) + 1;
    let bytes = L.READER_HEADER_BYTES;
    const part = (size: number): number => {
      const at = bytes;
      bytes += Math.ceil(size / 8) * 8;
      return at;
    };
    const records = part(8 * count);
    const slots = part(4 << bits);
    const values = part(8 * count);
    const order = part(4 * count);
    const row = part(8 * count);
    const at = texts.map((text) => part(text.length));
    part(SLACK_BYTES);
    this.#reader = this.memory.allocate(bytes);
    const { buffer } = this.memory.memory;
    const header = new Int32Array(buffer, this.#reader, bytes / 4);
    for (const [field, value] of [[L.READER_COUNT, count], [L.READER_BITS, bits], [L.READER_NAMES, records], [L.READER_SLOTS, slots], [L.READER_VALUES, values], [L.READER_ORDER, order]]) {
      header[field / 4] = value;
    }
    const text = new Uint8Array(buffer, this.#reader, bytes);
    texts.forEach((name, i) => {
      header[records / 4 + 2 * i] = at[i];
      header[records / 4 + 2 * i + 1] = name.length;
      text.set(name, at[i]);
    });
    this.kernel.indexNames(this.#reader);
    this.#header = header;
    this.#rowAddress = this.#reader + row;
    this.#row = new Float64Array(buffer, this.#rowAddress, count);
  }

  /**
   * @param body gone when the caller returns
   * @returns false where the host must read it, whatever it is
   */
  read(body: ArrayBuffer): boolean {
    const { byteLength } = body;
    if (byteLength > MOST_BODY_BYTES) return false;
    this.#bytes.set(new Uint8Array(body));
    this.#bytes[byteLength] = 0;
    return this.kernel.readRequest(this.#reader, this.#body, this.#rowAddress) === this.#body + byteLength;
  }

  get row(): Float64Array {
    return this.#row;
  }

  /** Of the request that was read last; undefined where it has none. */
  get requestId(): string | undefined {
    const length = this.#header?.[L.READER_ID_LENGTH / 4] ?? 0;
    if (length === 0) return undefined;
    const at = (this.#header?.[L.READER_ID / 4] ?? 0) - this.#body;
    return this.#bytes.toString('latin1', at + 1, at + length - 1);
  }

  /** Copies the request id that was read last to a row of a lane; false where there is none. */
  putId(lane: Lane, row: number): boolean {
    if (this.#header?.[L.READER_ID_LENGTH / 4] === 0) return false;
    this.kernel.putId(this.#reader, lane.address, row);
    return true;
  }
}
