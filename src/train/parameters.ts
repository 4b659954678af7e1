/** LightGBM's parameters: the fraud model's own, and those of a parameter file. */
import { LightscoreError } from '../errors.js';
import type { Parameters, ParameterValue } from '../native/lightgbm.js';

/** How many iterations to train, and when to stop; all other parameters are passed to LightGBM. */
export interface TrainingPlan {
  /** LightGBM's parameters by their canonical names. */
  readonly parameters: Parameters;
  readonly maxIterations: number;
  /** Training stops when the validation AUC has not risen for this many iterations; 0 trains them all. */
  readonly patience: number;
  /** Seeds LightGBM, the calibration split, the folds and the undersampling. */
  readonly seed: number;
}

/** The parameters of the fraud model (the Python service's training script), by LightGBM's canonical names. */
const DEFAULTS: Parameters = {
  objective: 'binary',
  metric: 'auc',
  boosting: 'gbdt',
  num_leaves: 31,
  learning_rate: 0.05,
  feature_fraction: 0.9,
  bagging_fraction: 0.8,
  bagging_freq: 5,
  seed: 42,
};
const MAX_ITERATIONS = 1000;
const PATIENCE = 100;

/** Parameters that cannot be set: without the first two, the same data would not give the same model. */
const FIXED: Parameters = { deterministic: true, force_row_wise: true, verbosity: -1 };

/** Parameters that the pipeline itself sets, or that would make LightGBM read or write files, by canonical name. */
const RESERVED = new Set([
  'config',
  'task',
  'data',
  'valid',
  'input_model',
  'output_model',
  'output_result',
  'save_binary',
  'snapshot_freq',
  'header',
  'num_class',
  'label_column',
  'weight_column',
  'group_column',
  'ignore_column',
  'initscore_filename',
  'machines',
  'machine_list_filename',
  'num_machines',
  'local_listen_port',
  'time_out',
  'device_type',
  'tree_learner',
  'force_col_wise',
  ...Object.keys(FIXED),
]);

/**
 * The plan of a parameter file, with defaults for all that it does not set.
 *
 * @param overrides the parsed JSON of `--params`: LightGBM's parameters by any of their names
 * @param aliases every parameter that LightGBM knows, with its other names
 * @throws LightscoreError USAGE with one line for each parameter that is unknown, set twice, or may not be set
 */
export function trainingPlan(
  overrides: unknown,
  aliases: Readonly<Record<string, readonly string[]>>,
  threads: number,
): TrainingPlan {
  if (typeof overrides !== 'object' || overrides === null || Array.isArray(overrides)) {
    throw new LightscoreError('USAGE', 'the parameter file must be one JSON object of LightGBM parameters by name');
  }
  const canonical = new Map(
    Object.entries(aliases).flatMap(([name, others]) => [name, ...others].map((alias) => [alias, name] as const)),
  );
  const chosen = new Map<string, ParameterValue>();
  const mistakes: string[] = [];
  for (const [name, value] of Object.entries(overrides)) {
    const known = canonical.get(name);
    const mistake =
      known === undefined
        ? 'LightGBM does not know this parameter'
        : chosen.has(known)
          ? `sets ${known} a second time`
          : refusal(known, value);
    if (mistake !== undefined) mistakes.push(`parameter ${name}: ${mistake}`);
    else if (known !== undefined && isParameterValue(value)) chosen.set(known, value);
  }
  // With both, row-wise histograms of LightGBM 4.1 write past their end, and the process crashes (found by training
  // with random parameters).
  if (chosen.get('use_missing') === false && chosen.has('categorical_feature'))
    mistakes.push('parameter use_missing: must not be false together with categorical_feature');
  const maxIterations = takeWhole(chosen, 'num_iterations', { fallback: MAX_ITERATIONS, min: 1 }, mistakes);
  const patience = takeWhole(chosen, 'early_stopping_round', { fallback: PATIENCE, min: 0 }, mistakes);
  const seed = takeWhole(chosen, 'seed', { fallback: 42, min: 0 }, mistakes);
  if (mistakes.length > 0) throw new LightscoreError('USAGE', mistakes.join('\n'));
  const parameters = {
    ...DEFAULTS,
    ...Object.fromEntries(chosen),
    seed,
    ...FIXED,
    num_threads: chosen.get('num_threads') ?? threads,
  };
  // Dart changes earlier trees during training, so there is no best iteration to return to.
  return { parameters, maxIterations, patience: chosen.get('boosting') === 'dart' ? 0 : patience, seed };
}

function refusal(name: string, value: unknown): string | undefined {
  if (RESERVED.has(name)) return 'is set by lightscore itself';
  if (name === 'linear_tree' && value !== false)
    return 'cannot be used: LightGBM cannot explain scores of linear leaves (TreeSHAP)';
  if (name === 'objective' && value !== 'binary')
    return `must be "binary", because the served score is a calibrated probability of two classes`;
  if (name === 'metric' && value !== 'auc') return 'must be "auc", which decides when training stops';
  return isParameterValue(value)
    ? undefined
    : 'must be a number, a string, true, false or a list of numbers and strings';
}

function isParameterValue(value: unknown): value is ParameterValue {
  return isScalar(value) || typeof value === 'boolean' || (Array.isArray(value) && value.every(isScalar));
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value));
}

/** Removes a parameter that must be a whole number, and returns its value. */
function takeWhole(
  chosen: Map<string, ParameterValue>,
  name: string,
  { fallback, min }: { readonly fallback: number; readonly min: number },
  mistakes: string[],
): number {
  const value = chosen.get(name) ?? fallback;
  chosen.delete(name);
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value < 2 ** 31) return value;
  mistakes.push(`parameter ${name}: must be a whole number of at least ${min}`);
  return fallback;
}
