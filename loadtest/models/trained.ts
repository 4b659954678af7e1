/**
 * Models of chosen sizes to measure, trained by LightGBM itself with the parameters of the service that Lightscore
 * replaces, and cached between runs.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LightGBM, Parameters } from '../../src/native/lightgbm.js';
import { generateDataSet } from '../../src/train/data-set.js';
import { Random } from '../../src/train/random.js';
import { projectRoot } from '../../test/support/project.js';

export interface ModelSize {
  /** The name of a model that this file did not train. */
  readonly name?: string;
  readonly features: number;
  readonly leaves: number;
  readonly trees: number;
  /** The number of categorical features among all features. */
  readonly categorical?: number;
}

export interface TrainedModel {
  readonly size: ModelSize;
  readonly modelText: string;
  /** Rows of the distribution that the model was trained on, row-major, NaN for missing values. */
  readonly rows: Float64Array;
  readonly rowCount: number;
}

const CACHE = join(projectRoot, 'bench-report/models');
const TRAINING_ROWS = 20_000;
/** Enough rows that branch predictors do not learn them, and few enough to stay in the cache beside the model. */
const SCORED_ROWS = 2048;
const FRAUD_RATE = 0.032;
const SEED = 42;
const CATEGORIES = 24;

/** The fraud model's parameters, without early stopping, so that a model has the requested number of trees. */
const PARAMETERS: Parameters = {
  objective: 'binary',
  boosting: 'gbdt',
  learning_rate: 0.05,
  feature_fraction: 0.9,
  bagging_fraction: 0.8,
  bagging_freq: 5,
  seed: SEED,
  num_threads: 1,
  deterministic: true,
  force_row_wise: true,
  verbosity: -1,
};

interface Data {
  /** Row-major. */
  readonly values: Float64Array;
  readonly label: Float64Array;
  readonly categorical: readonly number[];
}

export function describeSize({ name, features, leaves, trees, categorical }: ModelSize): string {
  const size = [`${trees} trees`, `${leaves} leaves`, `${features} features`];
  return [
    ...(name === undefined ? [] : [name]),
    ...size,
    ...(categorical === undefined ? [] : [`${categorical} categorical`]),
  ].join(', ');
}

export function trainedModel(lightgbm: LightGBM, size: ModelSize, progress: (line: string) => void): TrainedModel {
  const data = trainingData(size);
  const rows = data.values.slice(0, SCORED_ROWS * size.features);
  const categorical = size.categorical === undefined ? '' : `-${size.categorical}-categorical`;
  const name = `${size.features}-features-${size.leaves}-leaves-${size.trees}-trees${categorical}`;
  const file = join(CACHE, `${name}.txt`);
  if (!existsSync(file)) {
    progress(`training ${name}`);
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(`${file}.new`, train(lightgbm, size, data));
    renameSync(`${file}.new`, file);
  }
  return { size, modelText: readFileSync(file, 'utf8'), rows, rowCount: SCORED_ROWS };
}

function train(lightgbm: LightGBM, { leaves, trees }: ModelSize, { values, label, categorical }: Data): string {
  const parameters: Parameters = {
    ...PARAMETERS,
    num_leaves: leaves,
    ...(categorical.length > 0 && { categorical_feature: categorical }),
  };
  const dataset = lightgbm.dataset({ values, rows: label.length, label, parameters });
  const booster = lightgbm.booster(dataset, parameters);
  for (let tree = 0; tree < trees; tree++) booster.update();
  const text = booster.saveModelToString();
  booster.free();
  dataset.free();
  return text;
}

/** Returns the auto-loan applications of `lightscore data` for 15 features, else random data. */
function trainingData({ features, categorical = 0 }: ModelSize): Data {
  return features === 15 && categorical === 0 ? applications() : randomData({ features, categorical });
}

function applications(): Data {
  const rowsOfAllSplits = Math.round(TRAINING_ROWS / 0.7);
  const { tables } = generateDataSet({ rows: rowsOfAllSplits, fraudRate: FRAUD_RATE, seed: SEED });
  const { rows, columns } = tables.train;
  const features = columns.length - 1;
  const values = new Float64Array(rows * features);
  for (let feature = 0; feature < features; feature++) {
    for (let row = 0; row < rows; row++) values[row * features + feature] = columns[feature][row];
  }
  return { values, label: Float64Array.from(columns[features]), categorical: [] };
}

/**
 * Draws numbers, counts and flags in turn, and `categorical` categorical features at the end; the label depends on all
 * features and on pairs of neighbours.
 */
function randomData({ features, categorical }: { readonly features: number; readonly categorical: number }): Data {
  const random = new Random(SEED);
  const values = new Float64Array(TRAINING_ROWS * features);
  const weights = Float64Array.from({ length: features }, () => random.normal());
  const risk = new Float64Array(TRAINING_ROWS);
  const numeric = [() => random.normal(), () => random.poisson(2), () => Number(random.chance(0.3))];
  for (let row = 0; row < TRAINING_ROWS; row++) {
    const at = row * features;
    for (let feature = 0; feature < features; feature++) {
      const isCategory = feature >= features - categorical;
      const value = isCategory ? random.below(CATEGORIES) : numeric[feature % 3]();
      values[at + feature] = random.chance(0.02) ? NaN : value;
      const effect = isCategory ? ((value * 7) % CATEGORIES) / CATEGORIES - 0.5 : value;
      risk[row] += (weights[feature] * effect) / Math.sqrt(features);
    }
    for (let feature = 1; feature < features; feature++) {
      const product = (values[at + feature] || 0) * (values[at + feature - 1] || 0);
      risk[row] += (0.3 * product) / Math.sqrt(features);
    }
    risk[row] += random.logistic() * 0.5;
  }
  const cutoff = risk.toSorted()[Math.floor(TRAINING_ROWS * 0.8)];
  return {
    values,
    label: Float64Array.from(risk, (value) => Number(value > cutoff)),
    categorical: Array.from({ length: categorical }, (_, i) => features - categorical + i),
  };
}
