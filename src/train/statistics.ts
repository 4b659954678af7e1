/** Statistics of the training data, with which later data are compared to detect drift. */
import type { LabelledRows } from './labelled-rows.js';

/** The distribution of one column of numbers. */
export interface Distribution {
  /** Share of rows without a value, 0 to 1. The other fields describe the rows with one; null where there are none. */
  readonly missing: number;
  readonly mean: number | null;
  readonly standard_deviation: number | null;
  /** The 0th, 10th, ... 100th percentiles (nearest rank): 11 values. */
  readonly deciles: readonly number[] | null;
}

export function distribution(values: Float64Array): Distribution {
  const present = values.filter((value) => !Number.isNaN(value)).toSorted();
  const missing = 1 - present.length / values.length;
  if (present.length === 0) return { missing, mean: null, standard_deviation: null, deciles: null };
  const mean = present.reduce((sum, value) => sum + value, 0) / present.length;
  const variance = present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / present.length;
  const deciles = Array.from(
    { length: 11 },
    (_, tenth) => present[Math.max(0, Math.ceil((tenth / 10) * present.length) - 1)],
  );
  return { missing, mean, standard_deviation: Math.sqrt(variance), deciles };
}

/** The distributions by feature name. */
export function featureDistributions(
  { values, featureCount }: LabelledRows,
  featureNames: readonly string[],
): Record<string, Distribution> {
  return Object.fromEntries(
    featureNames.map((name, feature) => [name, distribution(values.filter((_, at) => at % featureCount === feature))]),
  );
}

/** Share of values that are not missing, 0 to 1. */
export function completeness(values: Float64Array): number {
  return values.filter((value) => !Number.isNaN(value)).length / values.length;
}
