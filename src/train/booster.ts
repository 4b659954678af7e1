/** Training and cross-validation with early stopping, as LightGBM's Python package does them. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { LightscoreError } from '../errors.js';
import type { Booster, Dataset, LightGBM, Parameters } from '../native/lightgbm.js';
import type { LabelledRows } from './labelled-rows.js';
import type { TrainingPlan } from './parameters.js';
import { stratifiedParts } from './partition.js';

/** One iteration: its AUC on the validation rows (in cross-validation the mean over the folds), and the best so far. */
export interface Progress {
  readonly iteration: number;
  readonly auc: number;
  readonly best: { readonly iteration: number; readonly auc: number };
}

export interface TrainingControl {
  readonly onIteration?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface TrainingRows {
  readonly train: LabelledRows;
  /** The rows on whose AUC training stops. */
  readonly validation: LabelledRows;
  readonly featureNames: readonly string[];
}

export interface TrainedBooster {
  readonly booster: Booster;
  /** Number of iterations to keep: up to the one with the highest validation AUC, or all without early stopping. */
  readonly iterations: number;
  readonly validationAuc: number;
  /** Number of iterations that were trained. */
  readonly trained: number;
}

export interface CrossValidation {
  readonly folds: number;
  readonly iterations: number;
  /** Mean and standard deviation of the AUC over the folds, after that many iterations. */
  readonly meanAuc: number;
  readonly deviation: number;
}

/**
 * Trains on `train` and stops early on the AUC of `validation`, as `lightgbm.train` with its early-stopping callback
 * does.
 *
 * LightGBM's calls are synchronous. The event loop runs between iterations, so that progress is shown and `signal` has
 * an effect.
 * @throws LightscoreError NATIVE_FAILED with LightGBM's reason, or INTERRUPTED
 */
export async function trainBooster(
  lightgbm: LightGBM,
  { train, validation, featureNames }: TrainingRows,
  plan: TrainingPlan,
  control: TrainingControl = {},
): Promise<TrainedBooster> {
  using trainData = lightgbm.dataset({ ...source(train, plan.parameters), featureNames });
  using validationData = lightgbm.dataset({
    ...source(validation, plan.parameters),
    featureNames,
    reference: trainData,
  });
  const booster = lightgbm.booster(trainData, plan.parameters);
  try {
    booster.addValidation(validationData);
    const last = await iterate(plan, control, () => ({ finished: booster.update(), auc: booster.evaluate(1)[0] }));
    const kept = plan.patience > 0 ? last.best : last;
    return { booster, iterations: kept.iteration, validationAuc: kept.auc, trained: last.iteration };
  } catch (error) {
    booster.free();
    throw error;
  }
}

/**
 * Cross-validates with `folds` folds on `train`, as `lightgbm.cv` does: the folds' boosters advance together, and the
 * mean of their AUCs decides when to stop.
 * @throws LightscoreError DATA_INVALID if a fold would lack a class, NATIVE_FAILED, or INTERRUPTED
 */
export async function crossValidate(
  lightgbm: LightGBM,
  train: LabelledRows,
  folds: number,
  plan: TrainingPlan,
  control: TrainingControl = {},
): Promise<CrossValidation> {
  const positives = train.labels.reduce((sum, label) => sum + label, 0);
  const rarer = Math.min(positives, train.rows - positives);
  if (rarer < folds) {
    throw new LightscoreError(
      'DATA_INVALID',
      `cross-validation: ${folds} folds need at least ${folds} rows of each class, but one class has ${rarer}`,
    );
  }
  using whole = lightgbm.dataset(source(train, plan.parameters));
  const boosters = stratifiedParts(train.labels, folds, plan.seed).map((held) =>
    foldBooster(lightgbm, whole, held, plan.parameters),
  );
  const aucs: Float64Array[] = [];
  let last: Progress;
  try {
    last = await iterate(plan, control, () => {
      const finished = boosters.map((booster) => booster.update()).every(Boolean);
      const auc = Float64Array.from(boosters, (booster) => booster.evaluate(1)[0]);
      aucs.push(auc);
      return { finished, auc: mean(auc) };
    });
  } finally {
    for (const booster of boosters) booster.free();
  }
  const { iteration } = plan.patience > 0 ? last.best : last;
  const at = aucs[iteration - 1];
  return {
    folds,
    iterations: iteration,
    meanAuc: mean(at),
    deviation: Math.sqrt(mean(at.map((auc) => (auc - mean(at)) ** 2))),
  };
}

/** A booster that trains on all rows except `held`, and validates on those. */
function foldBooster(lightgbm: LightGBM, whole: Dataset, held: Int32Array, parameters: Parameters): Booster {
  const isHeld = new Uint8Array(whole.rows);
  for (const row of held) isHeld[row] = 1;
  using train = whole.subset(Int32Array.from(isHeld.keys()).filter((row) => isHeld[row] === 0));
  using validation = whole.subset(held);
  const booster = lightgbm.booster(train, parameters);
  booster.addValidation(validation);
  return booster;
}

/**
 * Runs iterations until the plan ends them, or LightGBM because no tree can be split any more.
 * @returns the last one
 */
async function iterate(
  plan: TrainingPlan,
  control: TrainingControl,
  step: () => { readonly finished: boolean; readonly auc: number },
): Promise<Progress> {
  let best = { iteration: 0, auc: -1 };
  let progress: Progress = { iteration: 0, auc: -1, best };
  for (let iteration = 1; iteration <= plan.maxIterations; iteration++) {
    await nextTurn();
    if (control.signal?.aborted === true)
      throw new LightscoreError('INTERRUPTED', `interrupted at iteration ${iteration}: nothing was written`);
    const { finished, auc } = step();
    // LightGBM itself removes an iteration that finds nothing to split, except the very first: a constant model.
    if (finished && iteration > 1) break;
    if (auc > best.auc) best = { iteration, auc };
    progress = { iteration, auc, best };
    control.onIteration?.(progress);
    if (finished || (plan.patience > 0 && iteration - best.iteration >= plan.patience)) break;
  }
  return progress;
}

function source({ values, rows, labels }: LabelledRows, parameters: Parameters) {
  return { values, rows, label: labels, parameters };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
