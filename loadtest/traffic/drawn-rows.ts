/** Rows for a model that nobody has given rows of: drawn from its own thresholds, or around an example. */
import type { Booster } from '../../src/model/booster.js';
import { isCategorical } from '../../src/model/booster.js';
import { categorySet } from '../../src/model/columns.js';
import { Random } from '../../src/train/random.js';
import type { Row } from './rows.js';

const SEED = 11;
/** Share of the values that are missing. */
const MISSING = 0.02;
/** By how much a value around an example is smaller or larger at most, as a share of it. */
const SPREAD = 0.5;
/** Beyond the last threshold, where the model text does not say how far values go, as a share of their span. */
const BEYOND = 0.1;

/**
 * Draws rows that reach all parts of a model: for each value one of the intervals between the thresholds of its
 * feature, and a number from it. Categories are drawn from those that splits name.
 *
 * @param modelText for the ranges of the training data, which a booster does not keep
 */
export function rowsOfModel(booster: Booster, modelText: string, count: number): Row[] {
  const random = new Random(SEED);
  const ranges = trainingRanges(modelText);
  const draw = splitValues(booster).map(({ thresholds, categories }, feature) =>
    categories.length > 0
      ? () => categories[random.below(categories.length)]
      : fromThresholds(thresholds, ranges[feature], random),
  );
  return Array.from({ length: count }, () => draw.map((next) => (random.chance(MISSING) ? null : next())));
}

/** Draws rows around an example: whole numbers stay whole. */
export function rowsAround(examples: readonly Row[], count: number): Row[] {
  const random = new Random(SEED);
  const near = (value: number): number => {
    const moved = value * (1 - SPREAD + 2 * SPREAD * random.uniform());
    return Number.isInteger(value) ? Math.round(moved) : moved;
  };
  return Array.from({ length: count }, (_, row) =>
    examples[row % examples.length].map((value) => (value === null || random.chance(MISSING) ? null : near(value))),
  );
}

interface SplitValues {
  /** Ascending. */
  readonly thresholds: readonly number[];
  /** Ascending; empty for a number. */
  readonly categories: readonly number[];
}

function splitValues(booster: Booster): SplitValues[] {
  const thresholds = booster.featureNames.map(() => new Set<number>());
  const categories = booster.featureNames.map(() => new Set<number>());
  for (const tree of booster.trees) {
    for (let node = 0; node < tree.leafCount - 1; node++) {
      const feature = tree.splitFeature[node];
      if (!isCategorical(tree, node)) {
        if (Number.isFinite(tree.threshold[node]) && Math.abs(tree.threshold[node]) < 1e300)
          thresholds[feature].add(tree.threshold[node]);
        continue;
      }
      categorySet(tree, node).forEach((word, w) => {
        for (let bit = 0; bit < 32; bit++) if (((word >>> bit) & 1) === 1) categories[feature].add(32 * w + bit);
      });
    }
  }
  const ascending = (set: ReadonlySet<number>): number[] => [...set].toSorted((a, b) => a - b);
  return thresholds.map((set, feature) => ({ thresholds: ascending(set), categories: ascending(categories[feature]) }));
}

type Range = readonly [number, number] | undefined;

/** LightGBM's `feature_infos`: `[least:most]` of the training data for each number. */
function trainingRanges(modelText: string): readonly Range[] {
  const infos = /^feature_infos=(.*)$/m.exec(modelText)?.[1].split(' ') ?? [];
  return infos.map((info) => {
    const [, least, most] = /^\[([^:]+):([^:]+)\]$/.exec(info) ?? [];
    const range = [Number(least), Number(most)] as const;
    return range.every(Number.isFinite) ? range : undefined;
  });
}

function fromThresholds(thresholds: readonly number[], range: Range, random: Random): () => number {
  if (thresholds.length === 0) return () => (range === undefined ? 0 : range[0]);
  const [first, last] = [thresholds[0], thresholds[thresholds.length - 1]];
  const margin = Math.max(last - first, Math.abs(first), 1) * BEYOND;
  const edges = [
    Math.min(range?.[0] ?? first - margin, first),
    ...thresholds,
    Math.max(range?.[1] ?? last + margin, last),
  ];
  // LightGBM splits whole numbers half-way between two of them, or just above one.
  const whole = thresholds.every((threshold) => Number.isInteger(threshold * 2) || Math.abs(threshold) < 1e-30);
  return () => {
    const at = random.below(edges.length - 1);
    const value = edges[at] + random.uniform() * (edges[at + 1] - edges[at]);
    return whole ? Math.round(value) : value;
  };
}
