/** A lane: the shared memory of one batch. The layout is drawn in `workers/kernel/layout.ts`. */
import * as L from '../../workers/kernel/layout.js';
import type { LaneShape } from '../model/image.js';
import type { SharedMemory } from './memory.js';

/** What a batch asks for: scores with the ranking by importance, or TreeSHAP contributions too. */
export type LaneKind = 'score' | 'explain';

export interface LanePlan {
  readonly kind: LaneKind;
  readonly capacity: number;
  readonly features: number;
  readonly outputs: number;
  readonly bytes: number;
  /** Byte offsets from the lane's start, by header field. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** @param capacity rows */
export function planLane(shape: LaneShape, capacity: number, kind: LaneKind): LanePlan {
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
  if (kind === 'explain') {
    const { splits, pairs } = shape.explain ?? { splits: 0, pairs: 0 };
    part(L.LANE_CONTRIBUTIONS, 8 * capacity * shape.outputs * (shape.features + 1));
    part(L.LANE_EXPLAIN, 16 * capacity * shape.features + L.FLAGS_BYTES * (splits + 2) + 32 * pairs * (2 * splits + 1));
  }
  return { kind, capacity, features: shape.features, outputs: shape.outputs, bytes, offsets };
}

/** The views of a lane at its place in memory. They stay valid for ever: shared memory only grows, at its end. */
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

  constructor(
    readonly plan: LanePlan,
    memory: Pick<SharedMemory, 'memory'>,
    readonly address: number,
  ) {
    const { buffer } = memory.memory;
    const header = new Int32Array(buffer, address, L.LANE_HEADER_BYTES / 4);
    for (const [field, offset] of plan.offsets) header[field / 4] = offset;
    const doubles = (field: number, length: number): Float64Array => new Float64Array(buffer, address + (plan.offsets.get(field) ?? 0), length);
    this.rows = doubles(L.LANE_ROWS, plan.capacity * plan.features);
    this.raw = doubles(L.LANE_RAW, plan.capacity * plan.outputs);
    this.prediction = doubles(L.LANE_PREDICTION, plan.capacity * plan.outputs);
    this.calibrated = doubles(L.LANE_CALIBRATED, plan.capacity);
    this.ranking = new Int32Array(buffer, address + (plan.offsets.get(L.LANE_RANKING) ?? 0), plan.capacity * L.RANKED);
    this.contributions = doubles(L.LANE_CONTRIBUTIONS, plan.kind === 'explain' ? plan.capacity * plan.outputs * (plan.features + 1) : 0);
  }
}

/** Allocates a lane; free its `address` when done. */
export function createLane(memory: SharedMemory, shape: LaneShape, capacity: number, kind: LaneKind): Lane {
  const plan = planLane(shape, capacity, kind);
  return new Lane(plan, memory, memory.allocate(plan.bytes));
}
