/** The results of a training run. */
import { type Metrics, evaluate } from './evaluation.js';
import type { Split } from './features.js';

/** The results of a training run, from which report, model card and metadata are written. */
export interface TrainingRun {
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly trainedAt: string;
  readonly data: {
    /** The names of the files. */
    readonly location: string;
    /** SHA-256 over the data in hexadecimal. */
    readonly fingerprint: string;
    /** Share of feature values that are not missing, 0 to 1. */
    readonly completeness: number;
    /** The dates of the applications, such as "2023-01-01 to 2023-12-31"; undefined where they are not known. */
    readonly period: string | undefined;
    /** Whether `lightscore data` generated the data. */
    readonly synthetic: boolean;
  };
  readonly booster: {
    readonly lightgbmVersion: string;
    /** Number of trees kept after early stopping. */
    readonly rounds: number;
    readonly parameters: Readonly<Record<string, string | number | boolean>>;
    /** The treatment of class imbalance, in one sentence. */
    readonly imbalance: string;
  };
  readonly calibration: {
    readonly rows: number;
    /** How many of the rows are frauds. */
    readonly frauds: number;
    readonly thresholds: number;
    /** The rows that it was fitted on and what it corrects, in a sentence or two. */
    readonly note: string;
  };
  /** In the order of SPLITS; the last one, test, is the one to judge the model by. */
  readonly splits: readonly SplitEvaluation[];
  /** One entry per feature, in the model's order. */
  readonly importance: readonly FeatureImportance[];
  /** The lowest calibrated score that is flagged, chosen on validation. */
  readonly threshold: number;
  readonly crossValidation: { readonly folds: number; readonly meanAuc: number; readonly spread: number } | undefined;
}

/** The labels and scores of one split; all arrays have one entry per row. */
export interface ScoredRows {
  readonly labels: Float64Array;
  /** The booster's probabilities. */
  readonly uncalibrated: Float64Array;
  readonly calibrated: Float64Array;
}

export interface SplitEvaluation extends ScoredRows {
  readonly split: Split;
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

/** Evaluates one split before and after calibration. */
export function evaluateSplit(split: Split, { labels, uncalibrated, calibrated }: ScoredRows): SplitEvaluation {
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

/** Says which scores the figures of `headline` belong to. It is part of the metadata. */
export const HEADLINE_NOTE =
  "AUC-ROC, AUC-PR and precision at 10% recall are of the booster's probability; " +
  'the calibration error is of the calibrated score, which is what is served';

/**
 * The headline figures of metadata and gate: how well the booster's probability ranks, as the Python service's training
 * reports it (isotonic calibration keeps the order, but for ties), and how far the served score is from the share of
 * frauds. Report and model card show the served score's own figures.
 */
export function headline({
  before,
  after,
}: SplitEvaluation): Pick<Metrics, 'auc_roc' | 'auc_pr' | 'precision_at_10pct_recall' | 'calibration_error'> {
  const { auc_roc, auc_pr, precision_at_10pct_recall } = before;
  return { auc_roc, auc_pr, precision_at_10pct_recall, calibration_error: after.calibration_error };
}

/** Features with their share of the total gain, largest first, ties in the model's order; 0 where no tree splits. */
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
