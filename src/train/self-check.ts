/** Makes `self_check.json`. */
import { type Booster as ParsedBooster, isCategorical, ZERO_THRESHOLD } from '../model/booster.js';
import type { Booster } from '../native/lightgbm.js';
import type { LabelledRows } from './labelled-rows.js';
import { Random } from './random.js';

/** A number in JSON, which has none for the infinities. */
export type JsonNumber = number | 'inf' | '-inf';

/**
 * The contents of `self_check.json`: rows with the scores of the trainer's own LightGBM, which a server must reproduce.
 */
export interface SelfCheck {
  readonly lightgbm_version: string;
  readonly feature_names: readonly string[];
  /** null is a missing value. */
  readonly rows: readonly (readonly (JsonNumber | null)[])[];
  /** One per row; equal bit for bit. */
  readonly raw_score: readonly number[];
  /** One list per row: one value per feature, then the expected value (TreeSHAP, in raw-score space). */
  readonly contributions: readonly (readonly number[])[];
}

const DATA_ROWS = 40;
const HOSTILE_ROWS = 60;

export interface SelfCheckSource {
  /** The trained model as LightGBM loads it from its text. */
  readonly booster: Booster;
  /** The same text as this project reads it, for its thresholds. */
  readonly parsed: ParsedBooster;
  readonly data: LabelledRows;
  readonly lightgbmVersion: string;
  readonly seed: number;
}

/**
 * Rows of `data` (at even distances) and rows that are made to be difficult, with LightGBM's own raw scores and
 * contributions.
 */
export function selfCheck({ booster, parsed, data, lightgbmVersion, seed }: SelfCheckSource): SelfCheck {
  const { featureCount } = data;
  const count = Math.min(DATA_ROWS, data.rows);
  const values = new Float64Array((count + HOSTILE_ROWS) * featureCount);
  for (let row = 0; row < count; row++) {
    const from = Math.floor((row * data.rows) / count) * featureCount;
    values.set(data.values.subarray(from, from + featureCount), row * featureCount);
  }
  values.set(hostileRows(parsed, seed), count * featureCount);
  const raw = booster.predictRaw(values);
  const contributions = booster.contributions(values);
  const width = featureCount + 1;
  return {
    lightgbm_version: lightgbmVersion,
    feature_names: parsed.featureNames,
    rows: Array.from(raw, (_, row) =>
      Array.from(values.subarray(row * featureCount, (row + 1) * featureCount), toJson),
    ),
    raw_score: [...raw],
    contributions: Array.from(raw, (_, row) => [...contributions.subarray(row * width, (row + 1) * width)]),
  };
}

/**
 * [HOSTILE_ROWS][features] The model's own thresholds, the doubles next to them, and values that no training data has.
 */
function hostileRows(model: ParsedBooster, seed: number): Float64Array {
  const random = new Random(seed);
  const thresholds = Array.from({ length: model.featureCount }, (): number[] => []);
  for (const tree of model.trees) {
    for (let node = 0; node < tree.leafCount - 1; node++)
      if (!isCategorical(tree, node)) thresholds[tree.splitFeature[node]].push(tree.threshold[node]);
  }
  const odd = [
    NaN,
    NaN,
    0,
    Infinity,
    -Infinity,
    1e300,
    -1e300,
    Number.MIN_VALUE,
    ZERO_THRESHOLD,
    -ZERO_THRESHOLD,
    next(ZERO_THRESHOLD),
    -next(ZERO_THRESHOLD),
    -1,
    -0.5,
    0.5,
    31,
    5000,
    2 ** 31,
    1e18,
  ];
  return Float64Array.from({ length: HOSTILE_ROWS * model.featureCount }, (_, at) => {
    const own = thresholds[at % model.featureCount];
    if (own.length === 0 || random.chance(0.25)) return odd[random.below(odd.length)];
    const threshold = own[random.below(own.length)];
    return [threshold, next(threshold), previous(threshold)][random.below(3)];
  });
}

const bits = new BigInt64Array(1);
const double = new Float64Array(bits.buffer);

/** The next double above `x`. */
function next(x: number): number {
  if (x === 0) return Number.MIN_VALUE;
  if (!Number.isFinite(x)) return x;
  double[0] = x;
  bits[0] += x > 0 ? 1n : -1n;
  return double[0];
}

function previous(x: number): number {
  return -next(-x);
}

function toJson(value: number): JsonNumber | null {
  if (Number.isNaN(value)) return null;
  if (Number.isFinite(value)) return value;
  return value > 0 ? 'inf' : '-inf';
}

/** The number of a cell of `rows`. */
export function fromJson(value: JsonNumber | null): number {
  if (value === null) return NaN;
  if (typeof value === 'number') return value;
  return value === 'inf' ? Infinity : -Infinity;
}
