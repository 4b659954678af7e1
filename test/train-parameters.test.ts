/** The training plan that a parameter file gives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LightscoreError } from '../src/errors.js';
import { trainingPlan } from '../src/train/parameters.js';

/** A few of LightGBM's parameters with their aliases. */
const ALIASES = {
  objective: ['objective_type', 'app', 'application', 'loss'],
  metric: ['metrics', 'metric_types'],
  boosting: ['boosting_type', 'boost'],
  data: ['train', 'train_data'],
  num_leaves: ['num_leaf', 'max_leaves'],
  learning_rate: ['shrinkage_rate', 'eta'],
  num_iterations: ['num_boost_round', 'n_estimators'],
  early_stopping_round: ['early_stopping_rounds'],
  seed: ['random_state', 'random_seed'],
  num_threads: ['num_thread', 'n_jobs'],
  deterministic: [],
  categorical_feature: ['cat_feature'],
  linear_tree: ['linear_trees'],
  use_missing: [],
};

function mistakesOf(overrides: unknown): string[] {
  try {
    trainingPlan(overrides, ALIASES, 1);
  } catch (error) {
    assert.ok(error instanceof LightscoreError);
    assert.equal(error.code, 'USAGE');
    return error.message.split('\n');
  }
  return [];
}

test('without a parameter file, the plan is that of the Python service, and deterministic', () => {
  assert.deepEqual(trainingPlan({}, ALIASES, 3), {
    parameters: {
      objective: 'binary',
      metric: 'auc',
      boosting: 'gbdt',
      num_leaves: 31,
      learning_rate: 0.05,
      feature_fraction: 0.9,
      bagging_fraction: 0.8,
      bagging_freq: 5,
      seed: 42,
      deterministic: true,
      force_row_wise: true,
      verbosity: -1,
      num_threads: 3,
    },
    maxIterations: 1000,
    patience: 100,
    seed: 42,
  });
});

test("parameters may have any of LightGBM's names", () => {
  const plan = trainingPlan(
    {
      max_leaves: 7,
      eta: 0.2,
      n_estimators: 50,
      early_stopping_rounds: 5,
      random_state: 9,
      n_jobs: 2,
      cat_feature: [2, 3],
    },
    ALIASES,
    1,
  );
  const { parameters } = plan;
  assert.deepEqual(
    [
      parameters['num_leaves'],
      parameters['learning_rate'],
      parameters['seed'],
      parameters['num_threads'],
      parameters['categorical_feature'],
    ],
    [7, 0.2, 9, 2, [2, 3]],
  );
  assert.deepEqual([plan.maxIterations, plan.patience, plan.seed], [50, 5, 9]);
  assert.ok(!('n_estimators' in parameters) && !('num_iterations' in parameters));
});

test('dart has no best iteration to return to, so it does not stop early', () => {
  assert.equal(trainingPlan({ boosting_type: 'dart' }, ALIASES, 1).patience, 0);
});

test('every mistake of a parameter file is a line of its own', () => {
  assert.deepEqual(
    mistakesOf({
      num_leafs: 3,
      objective: 'regression',
      seed: 1,
      random_state: 2,
      n_estimators: 0,
      train_data: 'x',
      eta: { a: 1 },
      deterministic: false,
      metric: 'ndcg',
      linear_tree: true,
    }),
    [
      'parameter num_leafs: LightGBM does not know this parameter',
      'parameter objective: must be "binary", because the served score is a calibrated probability of two classes',
      'parameter random_state: sets seed a second time',
      'parameter train_data: is set by lightscore itself',
      'parameter eta: must be a number, a string, true, false or a list of numbers and strings',
      'parameter deterministic: is set by lightscore itself',
      'parameter metric: must be "auc", which decides when training stops',
      'parameter linear_tree: cannot be used: LightGBM cannot explain scores of linear leaves (TreeSHAP)',
      'parameter num_iterations: must be a whole number of at least 1',
    ],
  );
  assert.deepEqual(mistakesOf({ use_missing: false, cat_feature: [2] }), [
    'parameter use_missing: must not be false together with categorical_feature',
  ]);
  assert.deepEqual(mistakesOf({ use_missing: false }), []);
  for (const wrong of [[], 'text', null, 3])
    assert.deepEqual(mistakesOf(wrong), ['the parameter file must be one JSON object of LightGBM parameters by name']);
});
