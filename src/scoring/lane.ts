/** A lane: the shared memory of one batch. `workers/kernel/layout.ts` documents the layout. */
import * as L from '../../workers/kernel/layout.js';
import { invariant } from '../invariant.js';
import type { LaneShape } from '../model/image.js';
import type { Regions } from './memory.js';

/** What a batch computes: scores with the ranking by importance, or TreeSHAP contributions as well. */
export type LaneKind = 'score' | 'explain';

export interface LanePlan {
  readonly kind: LaneKind;
  readonly capacity: number;
  readonly features: number;
  readonly outputs: number;
  /** Bytes from one answer to the next; 0 if the kernel writes no answers. */
  readonly answerBytes: number;
  readonly bytes: number;
  /** Byte offsets from the lane's start, by header field. */
  readonly offsets: ReadonlyMap<number, number>;
}

/**
 * @param capacity number of rows
 * @param answerBytes `answerBytes` of the `AnswerText`, if the kernel writes answers
 */
export function planLane(shape: LaneShape, capacity: number, kind: LaneKind, answerBytes = 0): LanePlan {
  let bytes = L.LANE_HEADER_BYTES;
  const offsets = new Map<number, number>();
  const part = (field: number, size: number): void => {
    offsets.set(field, bytes);
    bytes += Math.ceil(size / 16) * 16;
  };
  part(L.LANE_ROWS, 8 * capacity * shape.features);
  part(L.LANE_RAW, 8 * capacity * shape.outputs);
  part(L.LANE_PREDICTION, 8 * capacity * shape.outputs);
  part(L.LANE_CALIBRATED, 8 * capacity);
  part(L.LANE_RANKING, L.RANKING_BYTES * capacity);
  part(L.LANE_STREAMS, 4 * capacity * shape.streams);
  part(L.LANE_VIEWS, 2 * capacity * shape.views);
  if (answerBytes > 0) {
    part(L.LANE_IDS, L.ID_BYTES * capacity);
    part(L.LANE_ANSWERS, answerBytes * capacity);
  }
  if (kind === 'explain') {
    const { splits, pairs } = shape.explain ?? { splits: 0, pairs: 0 };
    part(L.LANE_CONTRIBUTIONS, 8 * capacity * shape.outputs * (shape.features + 1));
    part(L.LANE_EXPLAIN, 16 * capacity * shape.features + L.FLAGS_BYTES * (splits + 2) + 32 * pairs * (2 * splits + 1));
  }
  return { kind, capacity, features: shape.features, outputs: shape.outputs, answerBytes, bytes, offsets };
}

/** Typed arrays over a lane. They stay valid when the shared memory grows, as its contents do not move. */
export class Lane {
  /** [capacity][features] */
  readonly rows: Float64Array;
  /** [capacity][outputs] */
  readonly raw: Float64Array;
  /** [capacity][outputs] */
  readonly prediction: Float64Array;
  /** [capacity] */
  readonly calibrated: Float64Array;
  /** [capacity][RANKED] feature indices, -1 past the last */
  readonly ranking: Int32Array;
  /** [capacity][outputs][features + 1]; empty in a score lane */
  readonly contributions: Float64Array;
  /** [capacity][ID_BYTES]; empty if the kernel writes no answers */
  readonly #ids: Buffer;
  /** [capacity][answerBytes] */
  readonly #answers: Uint8Array;
  readonly #answerHeads: Int32Array;
  /** The model that the lane was taken from; undefined while no batch holds the lane. */
  #holder: object | undefined;

  constructor(
    readonly plan: LanePlan,
    memory: Pick<Regions, 'memory'>,
    readonly address: number,
  ) {
    const { buffer } = memory.memory;
    const header = new Int32Array(buffer, address, L.LANE_HEADER_BYTES / 4);
    for (const [field, offset] of plan.offsets) header[field / 4] = offset;
    header[L.LANE_ANSWER_BYTES / 4] = plan.answerBytes;
    const doubles = (field: number, length: number): Float64Array =>
      new Float64Array(buffer, address + (plan.offsets.get(field) ?? 0), length);
    this.rows = doubles(L.LANE_ROWS, plan.capacity * plan.features);
    this.raw = doubles(L.LANE_RAW, plan.capacity * plan.outputs);
    this.prediction = doubles(L.LANE_PREDICTION, plan.capacity * plan.outputs);
    this.calibrated = doubles(L.LANE_CALIBRATED, plan.capacity);
    this.ranking = new Int32Array(buffer, address + (plan.offsets.get(L.LANE_RANKING) ?? 0), plan.capacity * L.RANKED);
    this.contributions = doubles(
      L.LANE_CONTRIBUTIONS,
      plan.kind === 'explain' ? plan.capacity * plan.outputs * (plan.features + 1) : 0,
    );
    const ids = address + (plan.offsets.get(L.LANE_IDS) ?? 0);
    const answers = address + (plan.offsets.get(L.LANE_ANSWERS) ?? 0);
    this.#ids = Buffer.from(buffer, ids, plan.answerBytes > 0 ? L.ID_BYTES * plan.capacity : 0);
    this.#answers = new Uint8Array(buffer, answers, plan.answerBytes * plan.capacity);
    this.#answerHeads = new Int32Array(buffer, answers, (plan.answerBytes / 4) * plan.capacity);
  }

  /**
   * Records that a batch holds the lane.
   * @param holder whoever the lane must be released to
   */
  take(holder: object): void {
    invariant(this.#holder === undefined, 'a lane is taken while another batch holds it');
    this.#holder = holder;
  }

  release(holder: object): void {
    invariant(this.#holder !== undefined, 'a lane is released that no batch holds');
    invariant(this.#holder === holder, 'a lane is released to another model than it was taken from');
    this.#holder = undefined;
  }

  /** Makes the kernel write no answer for `row`: the host writes it. */
  clearId(row: number): void {
    if (this.plan.answerBytes > 0) this.#ids[row * L.ID_BYTES] = 0;
  }

  /** @param id ASCII without characters that JSON escapes, shorter than ID_BYTES with its quotes */
  setId(row: number, id: string): void {
    const at = row * L.ID_BYTES;
    this.#ids[at] = this.#ids.write(`"${id}"`, at + 1, 'latin1');
  }

  /** The request id that the kernel puts in the answer of `row`. */
  idOf(row: number): string {
    const at = row * L.ID_BYTES;
    return this.#ids.toString('latin1', at + 2, at + this.#ids[at]);
  }

  /**
   * Completes the answer that the kernel wrote for `row`.
   * @param milliseconds a whole number
   * @returns UTF-8 that is valid until the lane is released; undefined if the kernel wrote no answer
   */
  answer(row: number, milliseconds: number): Uint8Array | undefined {
    const start = row * this.plan.answerBytes;
    const length = this.#answerHeads[(start + L.ANSWER_LENGTH) / 4];
    if (length === 0) return undefined;
    const text = start + L.ANSWER_HEADER_BYTES;
    const time = text + this.#answerHeads[(start + L.ANSWER_TIME) / 4];
    if (milliseconds < 10) {
      this.#answers[time] = 48 + milliseconds;
      return this.#answers.subarray(text, text + length);
    }
    const digits = `${milliseconds}`;
    this.#answers.copyWithin(time + digits.length, time + 1, text + length);
    for (let i = 0; i < digits.length; i++) this.#answers[time + i] = digits.charCodeAt(i);
    return this.#answers.subarray(text, text + length + digits.length - 1);
  }
}

/** Allocates a lane. The caller frees its `address` in `memory`. */
export function createLane(memory: Regions, shape: LaneShape, capacity: number, kind: LaneKind, answerBytes = 0): Lane {
  const plan = planLane(shape, capacity, kind, answerBytes);
  return new Lane(plan, memory, memory.allocate(plan.bytes));
}
