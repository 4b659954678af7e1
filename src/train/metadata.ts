/** Writes `metadata.json`. */

import { FEATURE_NAMES, SPLITS, type Split } from './features.js';
import type { TrainingPlan } from './parameters.js';
import type { Roles } from './roles.js';
import { headline, HEADLINE_NOTE, type SplitEvaluation, type TrainingRun } from './run.js';
import { distribution, featureDistributions } from './statistics.js';
import type { SourceTable } from './read-table.js';
import { sha256Hex } from '../sha256.js';

/** The version of the set of features in `features.ts`. */
const FEATURE_SET_VERSION = 'v1.0.0';

export interface MetadataSource {
  readonly run: TrainingRun;
  readonly roles: Roles;
  readonly plan: TrainingPlan;
  readonly tables: Readonly<Record<Split, SourceTable>>;
  /** SHA-256 in hexadecimal of every other file of the artifact. */
  readonly checksums: Readonly<Record<string, string>>;
  /** The violations that `--force` waived. */
  readonly waived: readonly string[];
}

/**
 * The text of `metadata.json`: the Python service's fields, then those that make the model reproducible and its drift
 * measurable.
 *
 * Metrics are rounded to six decimals, because the last bits of a logarithm depend on the JavaScript engine, and these
 * bytes must not.
 */
export function metadataText({ run, roles, plan, tables, checksums, waived }: MetadataSource): string {
  const [train, validation, test] = run.splits;
  const { rows, thresholds, note } = run.calibration;
  const metadata = {
    model_version: run.version,
    calibration_version: run.version,
    feature_set_version: FEATURE_SET_VERSION,
    training_date: run.trainedAt,
    feature_names: FEATURE_NAMES,
    metrics_note: HEADLINE_NOTE,
    training_metrics: metrics(train),
    validation_metrics: metrics(validation),
    test_metrics: metrics(test),
    ...(run.crossValidation
      ? {
          cross_validation: {
            folds: run.crossValidation.folds,
            auc_roc_mean: rounded(run.crossValidation.meanAuc),
            auc_roc_standard_deviation: rounded(run.crossValidation.spread),
          },
        }
      : {}),
    decision_threshold: run.threshold,
    lightgbm_version: run.booster.lightgbmVersion,
    iterations: run.booster.rounds,
    parameters: { ...plan.parameters, num_iterations: plan.maxIterations, early_stopping_round: plan.patience },
    imbalance: run.booster.imbalance,
    calibration: { rows, thresholds, note },
    training_data: {
      fingerprint: run.data.fingerprint,
      synthetic: run.data.synthetic,
      splits: Object.fromEntries(
        SPLITS.map((split) => [
          split,
          {
            file: tables[split].file,
            sha256: sha256Hex(tables[split].bytes),
            rows: tables[split].rows,
            frauds: run.splits[SPLITS.indexOf(split)].frauds,
          },
        ]),
      ),
      ...(waived.length > 0 ? { waived_checks: waived } : {}),
    },
    feature_statistics: featureDistributions(roles.train, FEATURE_NAMES),
    score_statistics: { confidence_score: distribution(validation.calibrated) },
    checksums,
  };
  return `${JSON.stringify(metadata, null, 2)}\n`;
}

/** The headline, as in the Python service's metadata, then all metrics of both scores. */
function metrics(split: SplitEvaluation) {
  const all = (values: object): Record<string, number> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rounded(Number(value))]));
  return { ...all(headline(split)), probability: all(split.before), confidence_score: all(split.after) };
}

function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
