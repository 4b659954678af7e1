/** The random models and hostile rows of the tests: their coverage, and that they are reproducible. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { needsNative, openLightGBM } from './support/native.js';
import { hostileRows, neighbour } from './support/hostile-rows.js';
import { OBJECTIVES, randomModel } from './support/random-model.js';

test(
  'random models cover every objective, and LightGBM gives the same scores in one call and one row at a time',
  needsNative(),
  async () => {
    const lightgbm = await openLightGBM();
    for (let seed = 0; seed < 2 * OBJECTIVES.length; seed++) {
      const { modelText, rows, featureCount, classCount, description } = randomModel(lightgbm, seed);
      const booster = lightgbm.load(modelText);
      const scores = booster.predictRaw(rows);
      assert.equal(scores.length, (rows.length / featureCount) * classCount, description);
      const single = booster.singleRowFast('raw');
      for (let row = 0; row < rows.length / featureCount; row++) {
        single.predict(rows.subarray(row * featureCount, (row + 1) * featureCount));
        assert.deepEqual(
          single.results,
          scores.slice(row * classCount, (row + 1) * classCount),
          `${description}, row ${row}`,
        );
      }
      single.free();
      booster.free();
    }
  },
);

test('the same seed gives the same random model and rows', needsNative(), async () => {
  const lightgbm = await openLightGBM();
  assert.deepEqual(randomModel(lightgbm, 4), randomModel(lightgbm, 4));
  assert.notEqual(randomModel(lightgbm, 4).modelText, randomModel(lightgbm, 4 + OBJECTIVES.length).modelText);
});

test('hostile rows contain the thresholds of the model, their neighbours, missing values and categories', () => {
  const model = [
    'tree',
    'max_feature_idx=1',
    '',
    'Tree=0',
    'split_feature=0 1',
    'threshold=0.5 0',
    'decision_type=2 1',
    'cat_boundaries=0 2',
    'cat_threshold=1 4',
    '',
    'end of trees\n',
  ].join('\n');
  const rows = hostileRows(model, 1, 2000);
  const numbers = rows.filter((_, index) => index % 2 === 0);
  const categories = rows.filter((_, index) => index % 2 === 1);
  for (const value of [0.5, neighbour(0.5, 1), neighbour(0.5, -1), -0.5, NaN, Infinity, Math.fround(1e-35), -0]) {
    assert.ok(
      numbers.some((x) => Object.is(x, value)),
      `${value}`,
    );
  }
  for (const value of [0, 34, 35, NaN, -1, 2 ** 32 + 3])
    assert.ok(
      categories.some((x) => Object.is(x, value)),
      `${value}`,
    );
});
