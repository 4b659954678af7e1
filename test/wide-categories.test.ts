/** Categorical features with ids in the millions, or more groups than a table holds: bit for bit as the tree walk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstDifference } from '../src/model/agreement.js';
import { buildColumns } from '../src/model/columns.js';
import { criticalRows } from '../src/model/critical-rows.js';
import { applicableStrategies } from '../src/model/image.js';
import { parseBooster } from '../src/model/parse.js';
import { rawScores } from '../src/model/tree-walk.js';
import { InProcessScorer } from '../src/scoring/in-process.js';
import { needsNative, openLightGBM } from './support/native.js';

/** A model of one categorical feature and one numerical one, whose trees each ask for one of `sets`. */
function modelOf(sets: readonly (readonly number[])[]): string {
  const trees = sets.map((members, t) => {
    const words = new Uint32Array(Math.floor(Math.max(...members) / 32) + 1);
    for (const member of members) words[member >>> 5] |= 1 << (member & 31);
    return [
      `Tree=${t}`,
      'num_leaves=3',
      'num_cat=1',
      'split_feature=0 1',
      'split_gain=2 1',
      'threshold=0 0.5',
      'decision_type=1 2',
      'left_child=1 -2',
      'right_child=-1 -3',
      `leaf_value=${t + 1} ${-t - 1} ${0.1 * t + 0.3}`,
      'leaf_count=20 30 50',
      'internal_value=0 0',
      'internal_count=100 80',
      `cat_boundaries=0 ${words.length}`,
      `cat_threshold=${words.join(' ')}`,
      'shrinkage=1',
      '',
      '',
    ].join('\n');
  });
  return [
    'tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective=regression',
    'feature_names=merchant amount\nfeature_infos=0:1 [0:1]\n',
    ...trees,
    'end of trees\n',
  ].join('\n');
}

const MANY = 70_000;
const models = {
  'ids in the millions': modelOf([[3, 4_200_000, 9_999_999], [9_999_999], [0, 31, 32, 4_200_000]]),
  'the largest id': modelOf([[2 ** 27]]),
  'more groups than a table has': modelOf(
    // The bits of a category's number: every category is in another combination of sets.
    Array.from({ length: 17 }, (_, bit) => Array.from({ length: MANY }, (__, i) => i).filter((i) => (i >> bit) & 1)),
  ),
};

for (const [what, text] of Object.entries(models)) {
  test(`${what}: scores and contributions are those of the tree walk`, () => {
    const booster = parseBooster(text);
    assert.equal(
      buildColumns(booster).columns.some(({ kind }) => kind === 'wide'),
      true,
    );
    assert.deepEqual(applicableStrategies(booster), ['walk']);
    const { rows: critical } = criticalRows(booster);
    const categories = [
      -1,
      -0.5,
      0.5,
      31,
      31.9,
      32,
      MANY - 1,
      MANY,
      4_200_000.7,
      9_999_999,
      2 ** 27,
      2 ** 31,
      1e300,
      NaN,
    ];
    const rows = Float64Array.from([...critical, ...categories.flatMap((category) => [category, 0.25])]);
    const count = rows.length / 2;
    const expected = Float64Array.from(
      { length: count },
      (_, r) => rawScores(booster, rows.subarray(2 * r, 2 * r + 2))[0],
    );
    const scorer = new InProcessScorer(booster);
    const { raw } = scorer.score(rows);
    assert.equal(firstDifference(expected, raw), -1);
    const contributions = scorer.contributions(rows);
    for (let r = 0; r < count; r++) {
      const sum = contributions.subarray(3 * r, 3 * r + 3).reduce((a, b) => a + b, 0);
      assert(Math.abs(sum - raw[r]) < 1e-9, `row ${r}: ${sum}, expected ${raw[r]}`);
    }
    scorer.dispose();
  });
}

test(
  'a model that LightGBM trains on 100,000 merchants with ids in the millions scores as LightGBM does',
  needsNative(),
  async () => {
    const lightgbm = await openLightGBM();
    const merchants = 100_000;
    const rows = 200_000;
    let state = 1;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const values = new Float64Array(2 * rows);
    const labels = new Float32Array(rows);
    for (let r = 0; r < rows; r++) {
      values[2 * r] = 50 * Math.floor(random() * merchants);
      values[2 * r + 1] = random();
      labels[r] = ((values[2 * r] * 7919) % 101) / 101 + values[2 * r + 1] > 1 + 0.2 * random() ? 1 : 0;
    }
    const parameters = {
      objective: 'binary',
      num_leaves: 63,
      max_bin: 200_000,
      min_data_in_leaf: 5,
      min_data_per_group: 1,
      max_cat_threshold: 20_000,
      cat_smooth: 1,
      cat_l2: 1,
      categorical_feature: '0',
      verbosity: -1,
    };
    using data = lightgbm.dataset({ values, rows, label: labels, parameters });
    using trained = lightgbm.booster(data, parameters);
    for (let i = 0; i < 4; i++) trained.update();
    const booster = parseBooster(trained.saveModelToString());
    assert.equal(
      buildColumns(booster).columns.some(({ kind }) => kind === 'wide'),
      true,
    );
    const scorer = new InProcessScorer(booster);
    const sample = values.subarray(0, 2 * 20_000);
    assert.equal(firstDifference(trained.predictRaw(sample), scorer.score(sample).raw), -1);
    scorer.dispose();
  },
);
