/**
 * Reads request bodies with the kernel, without creating JavaScript values. The kernel may decline any body; JSON.parse
 * and the schema's validator then read it.
 */
import * as L from '../../../workers/kernel/layout.js';
import { LightscoreError } from '../../errors.js';
import type { TextKernel } from '../../scoring/kernel.js';
import type { Lane } from '../../scoring/lane.js';
import type { Regions } from '../../scoring/memory.js';
import { SCHEMA_LIMITS } from '../../contract/schemas.js';

/** Bytes after a body: the zero that ends it, and what the kernel may read beyond. */
const SLACK_BYTES = 2 * L.COPY_BYTES;
/** Initial capacity for a body, and the size above which bodies are declined. */
const INITIAL_BODY_BYTES = 16_384;
const MAX_BODY_BYTES = 4 * 2 ** 20;
/** Size of the shortest request without its features, `{"features":[` and `]}`, and of the shortest feature, `0,`. */
const MIN_REQUEST_BYTES = 15;
const MIN_FEATURE_BYTES = 2;

/** Reads the requests of one thread, for one list of feature names at a time. */
export class RequestReader {
  readonly #memory: Regions;
  readonly #kernel: TextKernel;
  readonly #maxRows: number;
  #names: readonly string[] = [];
  /** Addresses: of the table of names, of the body, and of the rows and ids that were read. 0: not allocated. */
  #reader = 0;
  #body = 0;
  #rows = 0;
  #ids = 0;
  /** How many requests the buffers can hold. */
  #maxRequests = 0;
  /** Unsigned, as addresses may exceed 2 GiB. */
  #header: Uint32Array = new Uint32Array(0);
  #bodyBytes: Buffer = Buffer.alloc(0);
  #rowValues: Float64Array = new Float64Array(0);
  #idFields: Uint32Array = new Uint32Array(0);

  /** @param maxRows batches of more rows are declined */
  constructor(memory: Regions, kernel: TextKernel, maxRows: number) {
    this.#memory = memory;
    this.#kernel = kernel;
    this.#maxRows = maxRows;
  }

  /** Number of features in a row. */
  get features(): number {
    return this.#names.length;
  }

  /** [requests][features] of the body that was read last, in the order of the names; null is NaN. */
  get rows(): Float64Array {
    return this.#rowValues;
  }

  /** Prepares to read requests with these features. Does nothing if the array is the same as before. */
  expect(names: readonly string[]): void {
    if (names === this.#names) return;
    this.#free();
    this.#names = names;
    // The schema refuses all requests for such a model, so every body is declined.
    if (names.length > SCHEMA_LIMITS.features || names.some(({ length }) => length > SCHEMA_LIMITS.featureNameLength))
      return;
    const texts = names.map((name) => Buffer.from(JSON.stringify(name)));
    const count = names.length;
    // The hash table is at most half full.
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
    const { buffer } = this.#memory.memory;
    const words = new Uint32Array(buffer, this.#reader, bytes / 4);
    const text = new Uint8Array(buffer, this.#reader, bytes);
    for (const [field, value] of fields) words[field / 4] = value;
    texts.forEach((name, i) => {
      words[records / 4 + 2 * i] = at[i];
      words[records / 4 + 2 * i + 1] = name.length;
      text.set(name, at[i]);
    });
    this.#kernel.indexNames(this.#reader);
    this.#header = words;
    this.#reserve(INITIAL_BODY_BYTES);
  }

  /**
   * Reads a body of `/score`.
   * @param body is copied
   * @returns false if the body is declined
   */
  readSingle(body: Uint8Array): boolean {
    return (
      this.#put(body) &&
      this.#kernel.readSingle(this.#reader, this.#body, this.#rows, this.#ids) === 1 &&
      this.#isWhole(body)
    );
  }

  /**
   * Reads a body of `/score_batch`.
   * @param body is copied
   * @returns the number of its requests; 0 if the body is declined
   */
  readBatch(body: Uint8Array): number {
    if (!this.#put(body)) return 0;
    const count = this.#kernel.readBatch(this.#reader, this.#body, this.#rows, this.#ids, this.#maxRequests);
    return this.#isWhole(body) ? count : 0;
  }

  /** The request id in the body of `/score` that was read last; undefined if it has none. */
  get requestId(): string | undefined {
    const [address, length] = this.#idFields;
    if (length === 0) return undefined;
    const at = address - this.#body;
    return this.#bodyBytes.toString('latin1', at + 1, at + length - 1);
  }

  /** Copies the id of request `row` to row `at` of a lane; returns false if it has none. */
  putId(row: number, lane: Lane, at: number): boolean {
    if (this.#idFields[2 * row + 1] === 0) return false;
    this.#kernel.putId(this.#ids + L.REQUEST_ID_BYTES * row, lane.address, at);
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

  /** Allocates buffers for bodies of `bytes`; returns false if they are too large or the shared memory is full. */
  #reserve(bytes: number): boolean {
    if (bytes > MAX_BODY_BYTES) return false;
    const features = this.#names.length;
    const bodyBytes = Math.max(INITIAL_BODY_BYTES, 2 ** Math.ceil(Math.log2(bytes))) + SLACK_BYTES;
    const fitting = Math.ceil(bodyBytes / (MIN_REQUEST_BYTES + MIN_FEATURE_BYTES * features));
    const maxRequests = Math.min(this.#maxRows, fitting);
    if (this.#body > 0) this.#memory.free(this.#body);
    this.#body = this.#allocate(bodyBytes + maxRequests * (8 * features + L.REQUEST_ID_BYTES));
    if (this.#body === 0) {
      this.#bodyBytes = Buffer.alloc(0);
      return false;
    }
    const { buffer } = this.#memory.memory;
    this.#maxRequests = maxRequests;
    this.#rows = this.#body + bodyBytes;
    this.#ids = this.#rows + 8 * features * maxRequests;
    this.#bodyBytes = Buffer.from(buffer, this.#body, bodyBytes);
    this.#rowValues = new Float64Array(buffer, this.#rows, features * maxRequests);
    this.#idFields = new Uint32Array(buffer, this.#ids, (L.REQUEST_ID_BYTES / 4) * maxRequests);
    return true;
  }

  /** Returns an address, or 0 if the shared memory is full; bodies are then declined. */
  #allocate(bytes: number): number {
    try {
      return this.#memory.allocate(bytes);
    } catch (error) {
      if (error instanceof LightscoreError && error.code === 'MODEL_UNSUPPORTED') return 0;
      throw error;
    }
  }

  #free(): void {
    if (this.#reader > 0) this.#memory.free(this.#reader);
    if (this.#body > 0) this.#memory.free(this.#body);
    this.#reader = 0;
    this.#body = 0;
  }
}
