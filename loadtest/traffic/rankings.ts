/** The two rankings of a row's features, by |value x split importance| and by SHAP value, and how far they agree. */
import { type Booster, splitImportance } from '../../src/model/booster.js';
import { DEFAULT_TOP_K } from '../../src/contract/query.js';

export interface Agreement {
  readonly rows: number;
  /** Rows whose first feature is the same. */
  readonly sameFirst: number;
  /** Rows whose top features are the same set. */
  readonly sameSet: number;
  /** Rows whose top features have none in common. */
  readonly disjoint: number;
  /** How often each feature is first, most often first. */
  readonly firstByImportance: readonly (readonly [name: string, rows: number])[];
  readonly firstByShap: readonly (readonly [name: string, rows: number])[];
}

/** The features with the largest weights, largest first; of equal ones the first. */
function largest(weights: Float64Array, count: number): number[] {
  const features = Array.from(weights, (_, feature) => feature);
  return features.toSorted((a, b) => weights[b] - weights[a]).slice(0, count);
}

/**
 * @param rows [rows][features], NaN for missing
 * @param contributions [rows][features + 1], SHAP values and then the expected value
 */
export function agreementOf(booster: Booster, rows: Float64Array, contributions: Float64Array): Agreement {
  const { featureCount, featureNames } = booster;
  const importance = splitImportance(booster);
  const count = rows.length / featureCount;
  const first = { importance: new Float64Array(featureCount), shap: new Float64Array(featureCount) };
  const agreed = { sameFirst: 0, sameSet: 0, disjoint: 0 };
  for (let row = 0; row < count; row++) {
    const values = rows.subarray(row * featureCount, (row + 1) * featureCount);
    const shap = contributions.subarray(row * (featureCount + 1), (row + 1) * (featureCount + 1) - 1);
    const byImportance = largest(
      values.map((value, feature) => (Number.isNaN(value) ? 0 : Math.abs(value * importance[feature]))),
      DEFAULT_TOP_K,
    );
    const byShap = largest(shap.map(Math.abs), DEFAULT_TOP_K);
    const common = byImportance.filter((feature) => byShap.includes(feature)).length;
    if (byImportance[0] === byShap[0]) agreed.sameFirst++;
    if (common === byShap.length) agreed.sameSet++;
    if (common === 0) agreed.disjoint++;
    first.importance[byImportance[0]]++;
    first.shap[byShap[0]]++;
  }
  const counted = (times: Float64Array): (readonly [string, number])[] =>
    largest(times, featureCount)
      .filter((feature) => times[feature] > 0)
      .map((feature) => [featureNames[feature], times[feature]] as const);
  return { rows: count, ...agreed, firstByImportance: counted(first.importance), firstByShap: counted(first.shap) };
}

export function describeAgreement(agreement: Agreement): string {
  const { rows, sameFirst, sameSet, disjoint, firstByImportance, firstByShap } = agreement;
  const share = (count: number): string => `${((100 * count) / rows).toFixed(1)}%`;
  const leaders = (list: Agreement['firstByShap']): string =>
    list
      .slice(0, 3)
      .map(([name, count]) => `${name} ${share(count)}`)
      .join(', ');
  return [
    `  the same feature first              ${share(sameFirst)}`,
    `  the same top ${DEFAULT_TOP_K}, in any order        ${share(sameSet)}`,
    `  no feature of the top ${DEFAULT_TOP_K} in common   ${share(disjoint)}`,
    `  most often first, by importance     ${leaders(firstByImportance)}`,
    `  most often first, by SHAP value     ${leaders(firstByShap)}`,
    '',
  ].join('\n');
}
