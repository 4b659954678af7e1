/**
 * Every way this project can score a booster, behind one interface, so that one suite can hold all of them against
 * LightGBM.
 */
import type { Booster } from '../../src/model/booster.js';
import { applicableStrategies, compileImage } from '../../src/model/image.js';
import { predictions, rawScores } from '../../src/model/tree-walk.js';
import { compileKernel, instantiateKernel } from '../../src/scoring/kernel.js';
import { createLane } from '../../src/scoring/lane.js';
import { SharedMemory } from '../../src/scoring/memory.js';

export interface Scores {
  /** [rows][outputs] */
  readonly raw: Float64Array;
  /** [rows][outputs] */
  readonly prediction: Float64Array;
}

export interface Scorer {
  /** `plain walk`, or the kernel's strategy. */
  readonly name: string;
  /** @param rows [rows][features] */
  score(rows: Float64Array, split: Split): Scores;
  /** [rows][outputs][features + 1]; undefined where the scorer or the model has none. */
  contributions(rows: Float64Array): Float64Array | undefined;
  free(): void;
}

/** How rows come to a scorer; the scores must have the same bits. */
export const SPLITS = ['one batch', 'one row at a time', 'uneven batches'] as const;
export type Split = (typeof SPLITS)[number];

/** Around the sizes at which vectors and blocks of rows end. */
const UNEVEN = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65];

const memory = new SharedMemory();
const kernels = instantiateKernel(compileKernel(), memory.memory);

/** The plain walk, then every strategy that the booster can take. Free each when done. */
export function scorersFor(booster: Booster): Scorer[] {
  return [plainWalk(booster), ...applicableStrategies(booster).map((strategy) => kernelScorer(booster, strategy))];
}

function plainWalk(booster: Booster): Scorer {
  const { featureCount, outputs } = booster;
  return {
    name: 'plain walk',
    score(rows) {
      const count = rows.length / featureCount;
      const scores = { raw: new Float64Array(count * outputs), prediction: new Float64Array(count * outputs) };
      for (let r = 0; r < count; r++) {
        const raw = rawScores(booster, rows.subarray(r * featureCount, (r + 1) * featureCount));
        scores.raw.set(raw, r * outputs);
        scores.prediction.set(predictions(booster, raw), r * outputs);
      }
      return scores;
    },
    contributions: () => undefined,
    free: () => undefined,
  };
}

function kernelScorer(booster: Booster, strategy: ReturnType<typeof applicableStrategies>[number]): Scorer {
  const image = compileImage(booster, undefined, strategy);
  const address = memory.allocate(image.bytes.length);
  new Uint8Array(memory.memory.buffer, address).set(image.bytes);
  const kernel = kernels[image.strategy];
  const { featureCount, outputs } = booster;

  /** Scores whole batches of a lane that holds what an earlier batch may have left there. */
  function run(rows: Float64Array, capacity: number, batches: Iterable<readonly [number, number]>): Scores {
    const lane = createLane(memory, image.shape, capacity, 'score');
    try {
      poison(lane);
      const count = rows.length / featureCount;
      const scores = { raw: new Float64Array(count * outputs), prediction: new Float64Array(count * outputs) };
      for (const [first, end] of batches) {
        const [from, to] = capacity < count ? [0, end - first] : [first, end];
        lane.rows.set(rows.subarray(first * featureCount, end * featureCount), from * featureCount);
        kernel.raw(address, lane.address, from, to);
        kernel.predict(address, lane.address, from, to);
        scores.raw.set(lane.raw.subarray(from * outputs, to * outputs), first * outputs);
        scores.prediction.set(lane.prediction.subarray(from * outputs, to * outputs), first * outputs);
      }
      return scores;
    } finally {
      memory.free(lane.address);
    }
  }

  return {
    name: image.strategy,
    score(rows, split) {
      const count = rows.length / featureCount;
      if (split === 'one batch') return run(rows, count, [[0, count]]);
      if (split === 'one row at a time') return run(rows, 1, ranges(count, [1]));
      // Last batch first: no batch may lean on what the rows before it left in the lane.
      return run(rows, count, ranges(count, UNEVEN).toReversed());
    },
    contributions(rows) {
      if (image.unexplained !== undefined) return undefined;
      const count = rows.length / featureCount;
      const lane = createLane(memory, image.shape, count, 'explain');
      try {
        poison(lane);
        lane.rows.set(rows);
        for (const [first, end] of ranges(count, UNEVEN).toReversed())
          kernel.explain(address, lane.address, first, end);
        return lane.contributions.slice();
      } finally {
        memory.free(lane.address);
      }
    },
    free: () => memory.free(address),
  };
}

/** Everything after the lane's header becomes negative integers and odd doubles. */
function poison(lane: {
  readonly address: number;
  readonly plan: { readonly bytes: number; readonly offsets: ReadonlyMap<number, number> };
}): void {
  const start = Math.min(...lane.plan.offsets.values());
  new Uint8Array(memory.memory.buffer, lane.address + start, lane.plan.bytes - start).fill(0xa5);
}

function ranges(count: number, sizes: readonly number[]): [number, number][] {
  const result: [number, number][] = [];
  for (let first = 0; first < count;) {
    const end = Math.min(count, first + sizes[result.length % sizes.length]);
    result.push([first, end]);
    first = end;
  }
  return result;
}
