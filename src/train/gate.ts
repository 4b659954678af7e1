/** The gate of `--against`: compares a new model with a baseline on the test split, and refuses a worse one. */
import { type Calibrator, calibratedScore } from '../artifact/calibrator.js';
import { LightscoreError } from '../errors.js';
import type { LightGBM } from '../native/lightgbm.js';
import { labelledRows } from './labelled-rows.js';
import { evaluateSplit, type SplitEvaluation } from './run.js';
import type { SourceTable } from './read-table.js';

/** The model of another version, from its artifact. */
export interface BaselineModel {
  readonly version: string;
  readonly modelText: string;
  readonly calibrator: Calibrator | undefined;
  readonly featureNames: readonly string[];
}

/** How much worse than the baseline a new model may be on the test split. */
export interface GateLimits {
  /** For the booster's probabilities. */
  readonly aucRocDrop: number;
  readonly aucPrDrop: number;
  /** For the calibrated scores. */
  readonly calibrationErrorRise: number;
}

/** About as much as two equally good models differ by chance on a test split of some thousand rows. */
export const GATE_LIMITS: GateLimits = { aucRocDrop: 0.002, aucPrDrop: 0.01, calibrationErrorRise: 0.005 };

/** One value of the new model and of the baseline. */
interface Pair<T> {
  readonly candidate: T;
  readonly baseline: T;
}

export interface Comparison extends Pair<number> {
  readonly metric: string;
  /** By how much the candidate is worse; negative where it is better. */
  readonly worsening: number;
  readonly limit: number;
  readonly passed: boolean;
}

/**
 * Scores the baseline on the candidate's own test rows.
 * @throws LightscoreError DATA_INVALID if the data lacks a feature of the baseline
 */
export function evaluateBaseline(
  lightgbm: LightGBM,
  baseline: BaselineModel,
  test: SourceTable,
  labelName: string,
): SplitEvaluation {
  const missing = baseline.featureNames.filter((name) => !test.names.includes(name));
  if (missing.length > 0)
    throw new LightscoreError(
      'DATA_INVALID',
      `${test.file}: model ${baseline.version} needs ${missing.join(', ')}, which the data does not have`,
    );
  using booster = lightgbm.load(baseline.modelText);
  if (booster.classCount !== 1 || booster.featureCount !== baseline.featureNames.length) {
    throw new LightscoreError(
      'MODEL_UNSUPPORTED',
      `model ${baseline.version} cannot be compared: it has ${booster.featureCount} features and ` +
        `${booster.classCount} outputs, its metadata names ${baseline.featureNames.length} features`,
    );
  }
  const { values, labels } = labelledRows(test, baseline.featureNames, labelName);
  const uncalibrated = booster.predict(values);
  const raw = booster.predictRaw(values);
  const calibrated = uncalibrated.map((prediction, row) =>
    calibratedScore(baseline.calibrator, { raw: raw[row], prediction }),
  );
  return evaluateSplit('test', { labels, uncalibrated, calibrated });
}

export function compare({ candidate, baseline }: Pair<SplitEvaluation>, limits: GateLimits): Comparison[] {
  const [ours, theirs] = [candidate.before, baseline.before];
  return [
    higherIsBetter('AUC-ROC', { candidate: ours.auc_roc, baseline: theirs.auc_roc }, limits.aucRocDrop),
    higherIsBetter('AUC-PR', { candidate: ours.auc_pr, baseline: theirs.auc_pr }, limits.aucPrDrop),
    lowerIsBetter(
      'calibration error',
      { candidate: candidate.after.calibration_error, baseline: baseline.after.calibration_error },
      limits.calibrationErrorRise,
    ),
  ];
}

function higherIsBetter(metric: string, pair: Pair<number>, limit: number): Comparison {
  const worsening = pair.baseline - pair.candidate;
  return { metric, ...pair, worsening, limit, passed: worsening <= limit };
}

function lowerIsBetter(metric: string, pair: Pair<number>, limit: number): Comparison {
  const worsening = pair.candidate - pair.baseline;
  return { metric, ...pair, worsening, limit, passed: worsening <= limit };
}

/** The comparison as lines of a table, the headings first. */
export function comparisonTable(comparisons: readonly Comparison[], versions: Pair<string>): string[] {
  const rows = [
    ['on the test split', versions.baseline, versions.candidate, 'worse by', 'limit', ''],
    ...comparisons.map((row) => [
      row.metric,
      ...[row.baseline, row.candidate, row.worsening, row.limit].map((value) => value.toFixed(4)),
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

/** @throws LightscoreError GATE_REFUSED naming every limit that was exceeded */
export function requirePassed(comparisons: readonly Comparison[], versions: Pair<string>): void {
  const failed = comparisons.filter(({ passed }) => !passed);
  if (failed.length === 0) return;
  const reasons = failed.map(
    ({ metric, candidate, baseline, limit }) =>
      `${metric} ${candidate.toFixed(4)} against ${baseline.toFixed(4)} (limit ${limit})`,
  );
  throw new LightscoreError(
    'GATE_REFUSED',
    `${versions.candidate} is worse than ${versions.baseline} and was not written: ${reasons.join('; ')}`,
  );
}
