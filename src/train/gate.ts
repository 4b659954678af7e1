import { calibrate, type IsotonicCalibrator } from '../artifact/calibrator.js';
import { LightscoreError } from '../errors.js';
import type { LightGBM } from '../native/lightgbm.js';
import { labelledRows } from './labelled-rows.js';
import { evaluateSplit, type SplitEvaluation } from './run.js';
import type { SourceTable } from './read-table.js';

/** A model of another version, as its artifact holds it. */
export interface RivalModel {
  readonly version: string;
  readonly modelText: string;
  readonly calibrator: IsotonicCalibrator;
  readonly featureNames: readonly string[];
}

/** How much worse than its rival, on the test split, a new model may be. */
export interface GateLimits {
  /** Of the booster's probabilities. */
  readonly aucRocDrop: number;
  readonly aucPrDrop: number;
  /** Of the calibrated scores. */
  readonly calibrationErrorRise: number;
}

/** About what chance makes of two equally good models on a test split of some thousand rows. */
export const GATE_LIMITS: GateLimits = { aucRocDrop: 0.002, aucPrDrop: 0.01, calibrationErrorRise: 0.005 };

export interface Comparison {
  readonly metric: string;
  readonly rival: number;
  readonly candidate: number;
  /** By how much the candidate is worse; negative where it is better. */
  readonly worsening: number;
  readonly limit: number;
  readonly passed: boolean;
}

/**
 * Scores the rival on the candidate's own test rows.
 * @throws LightscoreError DATA_INVALID if the data lacks a feature of the rival
 */
export function evaluateRival(
  lightgbm: LightGBM,
  rival: RivalModel,
  test: SourceTable,
  labelName: string,
): SplitEvaluation {
  const missing = rival.featureNames.filter((name) => !test.names.includes(name));
  if (missing.length > 0)
    throw new LightscoreError(
      'DATA_INVALID',
      `${test.file}: model ${rival.version} needs ${missing.join(', ')}, which the data does not have`,
    );
  using booster = lightgbm.load(rival.modelText);
  if (booster.classCount !== 1 || booster.featureCount !== rival.featureNames.length) {
    throw new LightscoreError(
      'MODEL_UNSUPPORTED',
      `model ${rival.version} cannot be compared: it has ${booster.featureCount} features and ${booster.classCount} outputs, its metadata names ${rival.featureNames.length} features`,
    );
  }
  const { values, labels } = labelledRows(test, rival.featureNames, labelName);
  const probability = booster.predict(values);
  return evaluateSplit(
    'test',
    labels,
    probability,
    probability.map((p) => calibrate(rival.calibrator, p)),
  );
}

export function compare(candidate: SplitEvaluation, rival: SplitEvaluation, limits: GateLimits): Comparison[] {
  const [ours, theirs] = [candidate.before, rival.before];
  return [
    higherIsBetter('AUC-ROC', ours.auc_roc, theirs.auc_roc, limits.aucRocDrop),
    higherIsBetter('AUC-PR', ours.auc_pr, theirs.auc_pr, limits.aucPrDrop),
    lowerIsBetter(
      'calibration error',
      candidate.after.calibration_error,
      rival.after.calibration_error,
      limits.calibrationErrorRise,
    ),
  ];
}

function higherIsBetter(metric: string, candidate: number, rival: number, limit: number): Comparison {
  return { metric, rival, candidate, worsening: rival - candidate, limit, passed: rival - candidate <= limit };
}

function lowerIsBetter(metric: string, candidate: number, rival: number, limit: number): Comparison {
  return { metric, rival, candidate, worsening: candidate - rival, limit, passed: candidate - rival <= limit };
}

/** The comparison as lines of a table, the headings first. */
export function comparisonTable(comparisons: readonly Comparison[], candidate: string, rival: string): string[] {
  const rows = [
    ['on the test split', rival, candidate, 'worse by', 'limit', ''],
    ...comparisons.map((row) => [
      row.metric,
      ...[row.rival, row.candidate, row.worsening, row.limit].map((value) => value.toFixed(4)),
      row.passed ? 'ok' : 'REFUSED',
    ]),
  ];
  const widths = rows[0].map((_, cell) => Math.max(...rows.map((row) => row[cell].length)));
  return rows.map((row) =>
    row
      .map((text, cell) => (cell === 0 ? text.padEnd(widths[cell]) : text.padStart(widths[cell])))
      .join('  ')
      .trimEnd(),
  );
}

/** @throws LightscoreError GATE_REFUSED naming every limit that was passed */
export function requirePassed(comparisons: readonly Comparison[], candidate: string, rival: string): void {
  const failed = comparisons.filter(({ passed }) => !passed);
  if (failed.length === 0) return;
  const reasons = failed.map(
    ({ metric, rival: theirs, candidate: ours, limit }) =>
      `${metric} ${ours.toFixed(4)} against ${theirs.toFixed(4)} (limit ${limit})`,
  );
  throw new LightscoreError(
    'GATE_REFUSED',
    `${candidate} is worse than ${rival} and was not written: ${reasons.join('; ')}`,
  );
}
