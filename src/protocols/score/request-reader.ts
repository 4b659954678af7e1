/**
 * Bodies read by the kernel, without a JavaScript value made of them. What it leaves alone is JSON.parse's and the
 * schema's.
 */
import * as L from '../../../workers/kernel/layout.js';
import { LightscoreError } from '../../errors.js';
import type { TextKernel } from '../../scoring/kernel.js';
import type { Lane } from '../../scoring/lane.js';
import type { Regions } from '../../scoring/memory.js';
import { CEILING } from '../../contract/schemas.js';

/** What ends a body, and what the kernel reads behind it. */
const SLACK_BYTES = 2 * L.COPY_BYTES;
/** Room for bodies at first, and the largest: those beyond are the host's. */
const FIRST_BODY_BYTES = 16_384;
const MOST_BODY_BYTES = 4 * 2 ** 20;
/**
 * Fewest bytes of a request, but for its features, and of each feature: `{"features":[` `]}` and a digit and a comma.
 */
const LEAST_REQUEST_BYTES = 15;
const LEAST_FEATURE_BYTES = 2;

/** Where the kernel reads the requests of one thread, for one set of feature names at a time. */
export class RequestReader {
  #names: readonly string[] = [];
  /** Addresses of the reader, of the body, and of what was read. */
  #reader = 0;
  #body = 0;
  #rows = 0;
  #ids = 0;
  /** Requests for which there is room. */
  #most = 0;
  /** Addresses reach past 2 GiB. */
  #header: Uint32Array = new Uint32Array(0);
  #bodyBytes: Buffer = Buffer.alloc(0);
  #rowValues: Float64Array = new Float64Array(0);
  #idFields: Uint32Array = new Uint32Array(0);

  constructor(
    private readonly memory: Regions,
    private readonly kernel: TextKernel,
    /** Batches of more rows are the host's. */
    private readonly maxRows: number,
  ) {}

  /** Of one row. */
  get features(): number {
    return this.#names.length;
  }

  /** [requests][features] of the body that was read last, in the order of the names; NaN for null */
  get rows(): Float64Array {
    return this.#rowValues;
  }

  /** From now on requests are about these features. */
  expect(names: readonly string[]): void {
    if (names === this.#names) return;
    this.#free();
    this.#names = names;
    // The schema refuses requests that name or fill such features.
    if (names.length > CEILING.features || names.some(({ length }) => length > CEILING.featureNameLength)) return;
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
    const fields = [
      [L.READER_COUNT, count],
      [L.READER_BITS, bits],
      [L.READER_NAMES, records],
      [L.READER_SLOTS, part(4 << bits)],
      [L.READER_VALUES, part(8 * count)],
      [L.READER_ORDER, part(4 * count)],
    ];
    const at = texts.map((text) => part(text.length));
    part(SLACK_BYTES);
    this.#reader = this.#allocate(bytes);
    if (this.#reader === 0) return;
    const { buffer } = this.memory.memory;
    const words = new Uint32Array(buffer, this.#reader, bytes / 4);
    const text = new Uint8Array(buffer, this.#reader, bytes);
    for (const [field, value] of fields) words[field / 4] = value;
    texts.forEach((name, i) => {
      words[records / 4 + 2 * i] = at[i];
      words[records / 4 + 2 * i + 1] = name.length;
      text.set(name, at[i]);
    });
    this.kernel.indexNames(this.#reader);
    this.#header = words;
    this.#reserve(FIRST_BODY_BYTES);
  }

  /**
   * Reads a body of `/score`.
   * @param body copied
   * @returns false where the host must read it, whatever it is
   */
  readSingle(body: Uint8Array): boolean {
    return (
      this.#put(body) &&
      this.kernel.readSingle(this.#reader, this.#body, this.#rows, this.#ids) === 1 &&
      this.#isWhole(body)
    );
  }

  /**
   * Reads a body of `/score_batch`.
   * @param body copied
   * @returns its requests; 0 where the host must read it, whatever it is
   */
  readBatch(body: Uint8Array): number {
    if (!this.#put(body)) return 0;
    const count = this.kernel.readBatch(this.#reader, this.#body, this.#rows, this.#ids, this.#most);
    return this.#isWhole(body) ? count : 0;
  }

  /** Of the request of `/score` that was read last; undefined where it has none. */
  get requestId(): string | undefined {
    const [address, length] = this.#idFields;
    if (length === 0) return undefined;
    const at = address - this.#body;
    return this.#bodyBytes.toString('latin1', at + 1, at + length - 1);
  }

  /** Copies the id of request `row` to row `at` of a lane; false where it has none. */
  putId(row: number, lane: Lane, at: number): boolean {
    if (this.#idFields[2 * row + 1] === 0) return false;
    this.kernel.putId(this.#ids + L.REQUEST_ID_BYTES * row, lane.address, at);
    return true;
  }

  #put(body: Uint8Array): boolean {
    const { length } = body;
    if (this.#reader === 0 || (length + SLACK_BYTES > this.#bodyBytes.length && !this.#reserve(length))) return false;
    this.#bodyBytes.set(body);
    this.#bodyBytes[length] = 0;
    return true;
  }

  #isWhole({ length }: Uint8Array): boolean {
    return this.#header[L.READER_END / 4] === this.#body + length;
  }

  /** Makes room for bodies of `bytes`; false where there is none. */
  #reserve(bytes: number): boolean {
    if (bytes > MOST_BODY_BYTES) return false;
    const features = this.#names.length;
    const room = Math.max(FIRST_BODY_BYTES, 2 ** Math.ceil(Math.log2(bytes))) + SLACK_BYTES;
    const most = Math.min(this.maxRows, Math.ceil(room / (LEAST_REQUEST_BYTES + LEAST_FEATURE_BYTES * features)));
    if (this.#body > 0) this.memory.free(this.#body);
    this.#body = this.#allocate(room + most * (8 * features + L.REQUEST_ID_BYTES));
    if (this.#body === 0) {
      this.#bodyBytes = Buffer.alloc(0);
      return false;
    }
    const { buffer } = this.memory.memory;
    this.#most = most;
    this.#rows = this.#body + room;
    this.#ids = this.#rows + 8 * features * most;
    this.#bodyBytes = Buffer.from(buffer, this.#body, room);
    this.#rowValues = new Float64Array(buffer, this.#rows, features * most);
    this.#idFields = new Uint32Array(buffer, this.#ids, (L.REQUEST_ID_BYTES / 4) * most);
    return true;
  }

  /** 0 where the shared memory is full: the host reads without it. */
  #allocate(bytes: number): number {
    try {
      return this.memory.allocate(bytes);
    } catch (error) {
      if (error instanceof LightscoreError && error.code === 'MODEL_UNSUPPORTED') return 0;
      throw error;
    }
  }

  #free(): void {
    if (this.#reader > 0) this.memory.free(this.#reader);
    if (this.#body > 0) this.memory.free(this.#body);
    this.#reader = 0;
    this.#body = 0;
  }
}
