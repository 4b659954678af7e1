/** The example row of a version: what `/docs`, the OpenAPI document and the start of the server show as a request. */
import { isJsonObject } from '../artifact/json.js';
import type { Metadata } from '../artifact/metadata.js';
import type { Booster } from '../model/booster.js';
import { rowFromSplits } from '../model/example-row.js';

/** Index of the median among the 0th, 10th, ... 100th percentiles. */
const MEDIAN = 5;

/**
 * Each feature's median in the training data where the metadata has it (`feature_statistics`, as `lightscore train`
 * writes it), else a value from the model's splits. Medians of a whole column: no applicant's row is published.
 */
export function exampleRow(booster: Booster, featureNames: readonly string[], { fields }: Metadata): number[] {
  const statistics = fields['feature_statistics'];
  const fromSplits = rowFromSplits(booster);
  return featureNames.map((name, feature) => medianOf(statistics, name) ?? fromSplits[feature]);
}

function medianOf(statistics: unknown, name: string): number | undefined {
  if (!isJsonObject(statistics) || !Object.hasOwn(statistics, name)) return undefined;
  const ofFeature = statistics[name];
  const deciles: unknown = isJsonObject(ofFeature) ? ofFeature['deciles'] : undefined;
  const median: unknown = Array.isArray(deciles) ? deciles[MEDIAN] : undefined;
  if (typeof median !== 'number') return undefined;
  // A whole number may be a category: it is not rounded.
  return Number.isInteger(median) ? median : Number(median.toPrecision(4));
}
