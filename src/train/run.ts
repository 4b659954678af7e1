import { type Metrics, evaluate } from './evaluation.js';
import type { Split } from './features.js';

/** What a training run found out, as the report, the model card and the metadata tell it. */
export interface TrainingRun {
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly trainedAt: string;
  readonly data: {
    /** Where it was read from. */
    readonly location: string;
    /** SHA-256 over the data, in hex. */
    readonly fingerprint: string;
    /** Share of feature values that are not missing, 0 to 1. */
    readonly completeness: number;
    /** When the applications were made, such as "2023-01-01 to 2023-12-31"; undefined where it is not known. */
    readonly period: string | undefined;
    /** The data was made by a generator, `lightscore data`. */
    readonly synthetic: boolean;
  };
  readonly booster: {
    readonly lightgbmVersion: string;
    /** Trees kept after early stopping. */
    readonly rounds: number;
    readonly parameters: Readonly<Record<string, string | number | boolean>>;
    /** How class imbalance was treated, one sentence. */
    readonly imbalance: string;
  };
  readonly calibration: {
    readonly rows: number;
    readonly thresholds: number;
    /** On what rows it was fitted and what it corrects for, one sentence. */
    readonly note: string;
  };
  /** In the order of SPLITS; the last is the one to judge the model by. */
  readonly splits: readonly SplitEvaluation[];
  /** One entry a feature, in the model's order. */
  readonly importance: readonly FeatureImportance[];
  /** The calibrated score from which on an application is flagged, chosen on validation. */
  readonly threshold: number;
  readonly crossValidation: { readonly folds: number; readonly meanAuc: number; readonly spread: number } | undefined;
}

export interface SplitEvaluation {
  readonly split: Split;
  readonly labels: Float64Array;
  /** The booster's probabilities. */
  readonly uncalibrated: Float64Array;
  readonly calibrated: Float64Array;
  readonly frauds: number;
  readonly before: Metrics;
  readonly after: Metrics;
}

export interface FeatureImportance {
  readonly feature: string;
  /** Total gain of the splits on the feature. */
  readonly gain: number;
  /** Number of splits on the feature. */
  readonly splits: number;
}

/** Evaluates one split before and after calibration. All arrays have one entry a row. */
export function evaluateSplit(
  split: Split,
  labels: Float64Array,
  uncalibrated: Float64Array,
  calibrated: Float64Array,
): SplitEvaluation {
  return {
    split,
    labels,
    uncalibrated,
    calibrated,
    frauds: labels.reduce((sum, label) => sum + label, 0),
    before: evaluate(labels, uncalibrated),
    after: evaluate(labels, calibrated),
  };
}

/** Which scores the figures of `headline` are of, one sentence for each. */
export const HEADLINE_NOTE =
  "AUC-ROC, AUC-PR and precision at 10% recall are of the booster's probability; the calibration error is of the calibrated score, which is what is served";

/**
 * The figures a model is known by, the same wherever they are told: how well it ranks by the booster's probability, as
 * the Python service's training has it and its rivals are compared (isotonic calibration keeps the order but for ties),
 * and how far the score that is served is from the share of frauds.
 */
export function headline({
  before,
  after,
}: SplitEvaluation): Pick<Metrics, 'auc_roc' | 'auc_pr' | 'precision_at_10pct_recall' | 'calibration_error'> {
  const { auc_roc, auc_pr, precision_at_10pct_recall } = before;
  return { auc_roc, auc_pr, precision_at_10pct_recall, calibration_error: after.calibration_error };
}

/**
 * Features with their share of the total gain, largest first (ties in the model's order). All shares are 0 where no
 * tree splits.
 */
export function rankedImportance(
  importance: readonly FeatureImportance[],
): (FeatureImportance & { readonly share: number })[] {
  const total = importance.reduce((sum, { gain }) => sum + gain, 0);
  return importance
    .map((entry) => ({ ...entry, share: total > 0 ? entry.gain / total : 0 }))
    .toSorted((a, b) => b.share - a.share);
}

/** The evaluation of the split of that name. */
export function splitOf(run: TrainingRun, split: Split): SplitEvaluation {
  const found = run.splits.find((evaluation) => evaluation.split === split);
  if (found === undefined) throw new RangeError(`the run has no ${split} split`);
  return found;
}
