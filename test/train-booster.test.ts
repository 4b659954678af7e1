/** Training and cross-validation with early stopping. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { crossValidate, type Progress, trainBooster } from '../src/train/booster.js';
import { aucRoc, rank } from '../src/train/evaluation.js';
import type { LabelledRows } from '../src/train/labelled-rows.js';
import { type TrainingPlan, trainingPlan } from '../src/train/parameters.js';
import { Random } from '../src/train/random.js';
import { needsNative, openLightGBM } from './support/native.js';

const NAMES = ['a', 'b', 'c'];

function rowsOf(rows: number, seed: number): LabelledRows {
  const random = new Random(seed);
  const values = Float64Array.from({ length: rows * NAMES.length }, () => random.normal());
  const labels = Float64Array.from({ length: rows }, (_, row) =>
    Number(values[row * 3] + values[row * 3 + 1] ** 2 + 2 * random.normal() > 1.5),
  );
  return { rows, featureCount: NAMES.length, values, labels };
}

/** Rows with equal features; one in four is positive. */
function constantRows(rows: number): LabelledRows {
  return {
    rows,
    featureCount: NAMES.length,
    values: new Float64Array(rows * NAMES.length).fill(1),
    labels: Float64Array.from({ length: rows }, (_, row) => Number(row % 4 === 0)),
  };
}

async function planOf(overrides: object): Promise<TrainingPlan> {
  return trainingPlan({ num_leaves: 15, ...overrides }, (await openLightGBM()).parameterAliases(), 1);
}

test(
  'training stops when the validation AUC has not risen for the set number of iterations, and keeps the best',
  needsNative(),
  async () => {
    const lightgbm = await openLightGBM();
    const [train, validation] = [rowsOf(2000, 1), rowsOf(800, 2)];
    const seen: Progress[] = [];
    const { booster, iterations, validationAuc, trained } = await trainBooster(
      lightgbm,
      { train, validation, featureNames: NAMES },
      await planOf({ early_stopping_round: 15 }),
      {
        onIteration: (progress) => seen.push(progress),
      },
    );
    assert.equal(trained, iterations + 15);
    assert.equal(seen.length, trained);
    // LightGBM's own AUC of an iteration equals that of the predictions of a model saved at that iteration.
    for (const { iteration, auc } of [seen[0], seen[iterations - 1], seen[trained - 1]]) {
      assert.ok(
        Math.abs(aucRoc(rank(validation.labels, booster.predict(validation.values, { iterations: iteration }))) - auc) <
          1e-12,
      );
    }
    assert.equal(validationAuc, Math.max(...seen.map(({ auc }) => auc)));
    assert.equal(seen.findIndex(({ auc }) => auc === validationAuc) + 1, iterations);
    booster.free();
  },
);

test('without early stopping all iterations are trained and kept', needsNative(), async () => {
  const result = await trainBooster(
    await openLightGBM(),
    { train: rowsOf(500, 3), validation: rowsOf(300, 4), featureNames: NAMES },
    await planOf({ num_iterations: 25, early_stopping_round: 0 }),
  );
  assert.deepEqual([result.iterations, result.trained, result.booster.iterations], [25, 25, 25]);
  result.booster.free();
});

test('data with nothing to learn gives a constant model', needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const { booster, iterations } = await trainBooster(
    lightgbm,
    { train: constantRows(400), validation: constantRows(100), featureNames: NAMES },
    await planOf({}),
  );
  assert.equal(iterations, 1);
  using loaded = lightgbm.load(booster.saveModelToString({ iterations }));
  assert.ok(Math.abs(loaded.predict(new Float64Array(3))[0] - 0.25) < 1e-9);
  booster.free();
});

test('cross-validation holds each row out once, stops on the mean, and reports the spread', needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const plan = await planOf({ early_stopping_round: 10 });
  const seen: Progress[] = [];
  const result = await crossValidate(lightgbm, rowsOf(2000, 5), 4, plan, {
    onIteration: (progress) => seen.push(progress),
  });
  assert.equal(result.folds, 4);
  assert.equal(seen.length, result.iterations + 10);
  assert.equal(result.meanAuc, seen[result.iterations - 1].auc);
  assert.ok(result.meanAuc > 0.65 && result.meanAuc < 0.95 && result.deviation > 0 && result.deviation < 0.1);

  const few = rowsOf(100, 6);
  few.labels.fill(0).set([1, 1], 0);
  await assert.rejects(crossValidate(lightgbm, few, 3, plan), {
    code: 'DATA_INVALID',
    message: 'cross-validation: 3 folds need at least 3 rows of each class, but one class has 2',
  });
});
