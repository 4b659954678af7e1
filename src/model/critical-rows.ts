/**
 * Rows that test every split of a booster: each feature steps through its own critical values (each side of each
 * threshold, zero and LightGBM's zero threshold, missing, infinities, categories in and out of every set), all features
 * at once.
 */
import { type Booster, ZERO_THRESHOLD, isCategorical } from './booster.js';
import { categorySet } from './columns.js';
import { rawScores } from './tree-walk.js';

export interface CriticalRows {
  /** [count][features] */
  readonly rows: Float64Array;
  /** [count][outputs] raw scores by the plain tree walk */
  readonly raw: Float64Array;
  readonly count: number;
}

const SPECIAL = [
  NaN,
  0,
  1,
  -1,
  ZERO_THRESHOLD,
  -ZERO_THRESHOLD,
  1e-36,
  -1e-36,
  Infinity,
  -Infinity,
  1e300,
  -1e300,
  5e-324,
];
const CATEGORIES = [NaN, -1, -0.5, 0, 0.5, 1e9, 3e9, Infinity];
/** The critical values of a large model are sampled evenly, down to this many rows; those of a huge one further. */
const MAX_ROWS = 2048;
const MIN_ROWS = 64;
/** 32-bit words of a set that are looked at. */
const MAX_SET_WORDS = 64;
/** Trees that are walked, over all rows: what a model of 3,000 trees has, a second or so. */
const MAX_WALKS = 6_000_000;

export function criticalRows(booster: Booster, maxRows = MAX_ROWS): CriticalRows {
  const values = criticalValues(booster);
  const { featureCount, outputs } = booster;
  const affordable = Math.max(MIN_ROWS, Math.floor(MAX_WALKS / Math.max(1, booster.trees.length)));
  const count = Math.min(maxRows, affordable, values.reduce((max, list) => Math.max(max, list.length), 0) * 2);
  const rows = new Float64Array(count * featureCount);
  const raw = new Float64Array(count * outputs);
  for (let r = 0; r < count; r++) {
    for (let f = 0; f < featureCount; f++) {
      const list = values[f];
      // The second pass pairs every value with other values of the other features.
      const pass = Math.floor(r / list.length);
      const stride = count < list.length ? list.length / count : 1;
      rows[r * featureCount + f] = list[Math.floor(r * stride + pass * 7 * (f + 1) + f * 3) % list.length];
    }
    raw.set(rawScores(booster, rows.subarray(r * featureCount, (r + 1) * featureCount)), r * outputs);
  }
  return { rows, raw, count };
}

/** Per feature, the values at which the outcome of some split changes, and their neighbours. */
function criticalValues(booster: Booster): Float64Array[] {
  const values = Array.from({ length: booster.featureCount }, () => new Set<number>(SPECIAL));
  for (const tree of booster.trees) {
    for (let node = 0; node < tree.leafCount - 1; node++) {
      const list = values[tree.splitFeature[node]];
      if (!isCategorical(tree, node)) {
        const threshold = tree.threshold[node];
        list.add(threshold).add(neighbour(threshold, 1)).add(neighbour(threshold, -1));
        continue;
      }
      const set = categorySet(tree, node);
      for (const category of CATEGORIES) list.add(category);
      list.add(set.length * 32);
      // Of a set with very many categories, some that lie evenly.
      const step = Math.max(1, Math.floor(set.length / MAX_SET_WORDS));
      for (let w = 0; w < set.length; w += step) {
        for (let bit = 0; bit < 32; bit++)
          if (((set[w] >>> bit) & 1) === 1) list.add(32 * w + bit).add(32 * w + bit + 1);
      }
    }
  }
  // A Set does not tell -0 from 0, so -0 is added here.
  return values.map((list) => Float64Array.from([...list, -0]));
}

const bits = new DataView(new ArrayBuffer(8));

/** The next double above (direction 1) or below (-1). */
export function neighbour(value: number, direction: 1 | -1): number {
  if (!Number.isFinite(value)) return value;
  if (value === 0) return direction * 5e-324;
  const step = value > 0 ? direction : -direction;
  bits.setFloat64(0, value);
  const low = bits.getInt32(4);
  bits.setInt32(4, low + step);
  // Where the lower half wraps around, the upper half takes the carry or the borrow.
  if (low === (step > 0 ? -1 : 0)) bits.setInt32(0, bits.getInt32(0) + step);
  return bits.getFloat64(0);
}
