/** A plausible row of a model, from nothing but its splits: for documentation, examples and the warm-up. */
import { type Booster, ZERO_THRESHOLD, isCategorical } from './booster.js';
import { categorySet } from './columns.js';

/** How far a threshold between two whole numbers may be from their middle: LightGBM rounds it to the next double. */
const MIDDLE_TOLERANCE = 1e-9;

/** The splits of one feature, of all trees. */
interface FeatureSplits {
  /** Distinct and finite. */
  readonly thresholds: Set<number>;
  /** The lowest category that a split names; undefined for a numerical feature. */
  category: number | undefined;
}

/**
 * For each feature, a value in the middle of its splits: the median threshold, as a whole number where the feature is
 * only ever split between whole numbers (flags, counts, ages), else with three significant digits; the lowest category
 * that is named; 0 for a feature without splits.
 */
export function rowFromSplits(booster: Booster): number[] {
  return splitsByFeature(booster).map(({ thresholds, category }) => category ?? middle([...thresholds]));
}

function splitsByFeature({ featureCount, trees }: Booster): FeatureSplits[] {
  const features = Array.from({ length: featureCount }, (): FeatureSplits => ({
    thresholds: new Set(),
    category: undefined,
  }));
  for (const tree of trees) {
    for (let node = 0; node < tree.leafCount - 1; node++) {
      const splits = features[tree.splitFeature[node]];
      const threshold = tree.threshold[node];
      if (!isCategorical(tree, node)) {
        if (Number.isFinite(threshold)) splits.thresholds.add(threshold);
      } else {
        splits.category = Math.min(splits.category ?? Infinity, lowestCategory(categorySet(tree, node)));
      }
    }
  }
  return features;
}

/** 0 where the set is empty. */
function lowestCategory(set: Uint32Array): number {
  const word = set.findIndex((bits) => bits !== 0);
  if (word === -1) return 0;
  const lowestBit = set[word] & -set[word];
  return 32 * word + 31 - Math.clz32(lowestBit);
}

function middle(thresholds: readonly number[]): number {
  if (thresholds.length === 0) return 0;
  const median = thresholds.toSorted((a, b) => a - b)[thresholds.length >> 1];
  if (Math.abs(median) <= ZERO_THRESHOLD) return 0;
  return thresholds.every(isBetweenWholeNumbers) ? Math.floor(median) : Number(median.toPrecision(3));
}

/** LightGBM puts a threshold in the middle of two values, and next to zero where one of them is zero. */
function isBetweenWholeNumbers(threshold: number): boolean {
  const doubled = 2 * threshold;
  return Math.abs(doubled - Math.round(doubled)) <= MIDDLE_TOLERANCE * Math.max(1, Math.abs(doubled));
}
