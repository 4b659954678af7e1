/** Random models that LightGBM trains, with rows to score. */
import type { LightGBM, Parameters } from '../../src/native/lightgbm.js';
import { Random } from '../../src/train/random.js';
import { hostileRows } from './hostile-rows.js';

export { hostileRows } from './hostile-rows.js';

export interface RandomModel {
  /** As LightGBM saves it. */
  readonly modelText: string;
  /** Rows of its training data, then hostile ones, laid out row after row. */
  readonly rows: Float64Array;
  readonly featureCount: number;
  /** Scores per row. */
  readonly classCount: number;
  /** What it was trained with: for the message of a failure. */
  readonly description: string;
}

const HOSTILE_ROWS = 300;
const TRAINING_ROWS = 100;

export const OBJECTIVES = [
  'binary',
  'regression',
  'multiclass',
  'multiclassova',
  'poisson',
  'tweedie',
  'gamma',
  'cross_entropy',
  'cross_entropy_lambda',
  'regression_l1',
  'huber',
  'fair',
  'quantile',
  'mape',
  'regression_sqrt',
  'lambdarank',
] as const;
export type RandomObjective = (typeof OBJECTIVES)[number];

interface Data {
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
  readonly categorical: readonly number[];
  /** What the label depends on, per row, about standard normal. */
  readonly signal: Float64Array;
}

/**
 * A model that LightGBM itself trained on random data with random parameters: objective, boosting, size, missing-value
 * handling, categories, linear leaves, bins, continued training, constraints. The same seed gives the same model.
 */
export function randomModel(lightgbm: LightGBM, seed: number): RandomModel {
  const random = new Random(seed);
  // In turn, so that a run of neighbouring seeds meets every objective.
  const objective = OBJECTIVES[seed % OBJECTIVES.length];
  const data = randomData(random);
  const parameters = randomParameters(random, objective, data);
  const iterations = 1 + random.below(random.chance(0.2) ? 60 : 15);
  let modelText = train(lightgbm, data, objective, parameters, iterations, new Random(seed));
  let description =
    `seed ${seed}: ${iterations} iterations on ${data.rows} rows of ${data.columns}` +
    `, ${JSON.stringify(parameters)}`;
  if (parameters['boosting'] !== 'rf' && random.chance(0.25)) {
    const again: Parameters = { ...parameters, max_bin: 15 + random.below(500) };
    modelText = train(lightgbm, data, objective, again, iterations, new Random(seed), modelText);
    description += `, continued with max_bin ${String(again['max_bin'])}`;
  }
  const loaded = lightgbm.load(modelText);
  const { featureCount, classCount } = loaded;
  loaded.free();
  const hostile = hostileRows(modelText, seed, HOSTILE_ROWS);
  const rows = new Float64Array(TRAINING_ROWS * featureCount + hostile.length);
  rows.set(data.values.subarray(0, TRAINING_ROWS * featureCount));
  rows.set(hostile, TRAINING_ROWS * featureCount);
  return { modelText, rows, featureCount, classCount, description };
}

function train(
  lightgbm: LightGBM,
  data: Data,
  objective: RandomObjective,
  parameters: Parameters,
  iterations: number,
  random: Random,
  initial?: string,
): string {
  const before = initial === undefined ? undefined : lightgbm.load(initial);
  const classes = before?.classCount ?? 1;
  const start = before?.predictRaw(data.values);
  const dataset = lightgbm.dataset({
    values: data.values,
    rows: data.rows,
    label: labels(random, objective, data.signal),
    ...(random.chance(0.3) ? { weight: data.signal.map(() => 0.1 + 2 * random.uniform()) } : {}),
    ...(objective === 'lambdarank' ? { group: Array.from({ length: data.rows / 20 }, () => 20) } : {}),
    // The C API wants class after class; predictions come row after row.
    ...(start
      ? { initScore: start.map((_, at) => start[(at % data.rows) * classes + Math.floor(at / data.rows)]) }
      : {}),
    parameters,
  });
  const booster = lightgbm.booster(dataset, parameters);
  for (let iteration = 0; iteration < iterations; iteration++) booster.update();
  if (before) booster.mergeBefore(before);
  const text = booster.saveModelToString();
  for (const owner of [booster, dataset, before]) owner?.free();
  return text;
}

const COLUMN_KINDS: readonly ((random: Random, scale: number, row: number) => number)[] = [
  (random, scale) => random.normal() * scale,
  (random) => random.normal() ** 3 * 1e4,
  (random) => random.below(7) - 2,
  (random, scale) => (random.chance(0.6) ? 0 : random.normal() * scale),
  // Around LightGBM's zero threshold of 1e-35.
  (random) => (random.chance(0.5) ? 0 : random.normal() * 1e-35),
  (random) => random.normal() * 1e290,
  (random) => Math.round(random.normal() * 3) / 4,
  () => 1,
];

function randomData(random: Random): Data {
  const rows = 20 * (10 + random.below(random.chance(0.2) ? 120 : 40));
  const columns = random.chance(0.15) ? 1 : 1 + random.below(random.chance(0.2) ? 60 : 20);
  const values = new Float64Array(rows * columns);
  const signal = new Float64Array(rows).map(() => random.normal() * 0.5);
  const categorical: number[] = [];
  for (let column = 0; column < columns; column++) {
    const isCategorical = random.chance(0.25);
    if (isCategorical) categorical.push(column);
    const kind = COLUMN_KINDS[random.below(COLUMN_KINDS.length)];
    const scale = 10 ** (random.below(7) - 3);
    const categories = [2, 5, 40, 400, 5000][random.below(5)];
    const missing = [0, 0, 0.05, 0.3, 0.95][random.below(5)];
    const weight = random.chance(0.5) ? random.normal() : 0;
    for (let row = 0; row < rows; row++) {
      // Low categories are frequent, high ones rare: large ids, few rows each.
      const value = isCategorical ? Math.floor(categories * random.uniform() ** 3) : kind(random, scale, row);
      values[row * columns + column] = random.chance(missing) ? NaN : value;
      signal[row] +=
        weight * (isCategorical ? ((value * 7919) % 13) / 6 - 1 : Math.sign(value) * Math.min(1, Math.abs(value)));
    }
  }
  return { values, rows, columns, categorical, signal };
}

function labels(random: Random, objective: RandomObjective, signal: Float64Array): Float64Array {
  const sorted = signal.toSorted();
  const quantile = (fraction: number) => sorted[Math.floor(fraction * (sorted.length - 1))];
  switch (objective) {
    case 'binary':
      return signal.map((x) => Number(x > quantile(0.8)));
    case 'multiclass':
    case 'multiclassova':
      return signal.map((x) => Number(x > quantile(0.4)) + Number(x > quantile(0.75)));
    case 'poisson':
    case 'tweedie':
      // At least one is positive, or LightGBM refuses the objective.
      return signal.map((x, row) => (row === 0 ? 1 : Math.max(0, Math.round(x * 2 + random.normal()))));
    case 'gamma':
      return signal.map((x) => 0.1 + Math.abs(x));
    case 'cross_entropy':
    case 'cross_entropy_lambda':
      return signal.map((x) => 0.5 + (0.45 * x) / (1 + Math.abs(x)));
    case 'lambdarank':
      return signal.map((x) => [0.5, 0.8, 0.95].filter((fraction) => x > quantile(fraction)).length);
    default:
      return signal.map((x) => x * 10 + random.normal());
  }
}

function randomParameters(random: Random, objective: RandomObjective, data: Data): Parameters {
  const boosting = ['gbdt', 'gbdt', 'gbdt', 'dart', 'rf', 'goss'][random.below(6)];
  const leaves = [2, 8, 31, 32, 33, 64, 65, 2 + random.below(299)][random.below(8)];
  const linear = boosting === 'gbdt' && objective !== 'regression_l1' && random.chance(0.3);
  const parameters: Record<string, Parameters[string]> = {
    objective: objective === 'regression_sqrt' ? 'regression' : objective,
    boosting: boosting === 'goss' ? 'gbdt' : boosting,
    num_leaves: leaves,
    min_data_in_leaf: 1 + random.below(random.chance(0.5) ? 3 : 30),
    min_sum_hessian_in_leaf: 1e-3,
    learning_rate: [0.05, 0.1, 0.7][random.below(3)],
    max_bin: [15, 63, 255, 2000][random.below(4)],
    min_data_in_bin: 1 + random.below(4),
    seed: random.below(1_000_000),
    deterministic: true,
    // LightGBM 4.1's row-wise histograms write past their end with categories and use_missing=false (seed 1420: the
    // process dies).
    force_col_wise: true,
    num_threads: 1,
    verbosity: -1,
  };
  const sometimes = (chance: number, more: Record<string, Parameters[string]>) => {
    if (random.chance(chance)) Object.assign(parameters, more);
  };
  if (objective === 'regression_sqrt') parameters['reg_sqrt'] = true;
  if (objective.startsWith('multiclass')) parameters['num_class'] = 3;
  if (boosting === 'rf') Object.assign(parameters, { bagging_freq: 1, bagging_fraction: 0.7, feature_fraction: 0.8 });
  else if (boosting === 'goss') parameters['data_sample_strategy'] = 'goss';
  else sometimes(0.3, { bagging_freq: 1, bagging_fraction: 0.8, feature_fraction: 0.7 });
  if (linear) Object.assign(parameters, { linear_tree: true, linear_lambda: 0.1 });
  if (data.categorical.length > 0) {
    parameters['categorical_feature'] = data.categorical;
    Object.assign(parameters, {
      max_cat_to_onehot: [1, 4, 64][random.below(3)],
      min_data_per_group: 1 + random.below(20),
      cat_smooth: 1,
      cat_l2: 1,
    });
  }
  sometimes(0.2, { use_missing: false });
  if (!linear) sometimes(0.2, { zero_as_missing: true });
  sometimes(0.15, { extra_trees: true });
  sometimes(0.2, { max_depth: 1 + random.below(8) });
  sometimes(0.2, { lambda_l1: 0.1, lambda_l2: 1 });
  sometimes(0.1, { path_smooth: 1 });
  sometimes(0.1, { boost_from_average: false });
  if (objective === 'binary' || objective === 'multiclassova') sometimes(0.3, { sigmoid: 0.7 });
  // LightGBM refuses constraints for objectives that renew their leaves' values.
  if (['binary', 'regression', 'poisson', 'cross_entropy'].includes(objective)) {
    sometimes(0.2, {
      monotone_constraints: Array.from({ length: data.columns }, (_, column) =>
        data.categorical.includes(column) ? 0 : random.below(3) - 1,
      ),
      monotone_constraints_method: ['basic', 'intermediate', 'advanced'][random.below(3)],
    });
  }
  return parameters;
}
