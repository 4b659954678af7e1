/** TreeSHAP against its definition: Shapley values over all subsets of features, of the path-dependent expectation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, property } from 'fast-check';
import { contributionError } from '../src/model/agreement.js';
import type { Booster, Tree } from '../src/model/booster.js';
import { compileImage } from '../src/model/image.js';
import { parseBooster } from '../src/model/parse.js';
import { criticalRows } from '../src/model/critical-rows.js';
import { goesLeft, rawScores } from '../src/model/tree-walk.js';
import { LINEAR_MODEL, SMALL_MODEL, chainModel } from './support/model-text.js';
import { modelTexts } from './support/random-tree.js';
import { scorersFor } from './support/strategies.js';

const FEATURES = 5;
const FACTORIAL = [1, 1, 2, 6, 24, 120, 720];

/**
 * What `tree` predicts where only the features of `known` (bits) are known: other splits are averaged by training rows.
 */
function expectation(tree: Tree, row: Float64Array, known: number, at = tree.leafCount === 1 ? ~0 : 0): number {
  if (at < 0) return tree.leafValue[~at];
  const feature = tree.splitFeature[at];
  const [left, right] = [tree.leftChild[at], tree.rightChild[at]];
  if (((known >> feature) & 1) === 1)
    return expectation(tree, row, known, goesLeft(tree, at, row[feature]) ? left : right);
  const rows = (child: number): number => (child < 0 ? tree.leafRows?.[~child] : tree.nodeRows?.[child]) ?? NaN;
  return (
    (rows(left) * expectation(tree, row, known, left) + rows(right) * expectation(tree, row, known, right)) / rows(at)
  );
}

/** [features + 1] Shapley values by the definition, and the expected value. */
function shapley(booster: Booster, row: Float64Array): Float64Array {
  const { featureCount } = booster;
  const values = Float64Array.from({ length: 2 ** featureCount }, (_, known) =>
    booster.trees.reduce((sum, tree) => sum + expectation(tree, row, known), 0),
  );
  const result = new Float64Array(featureCount + 1);
  for (let known = 0; known < values.length; known++) {
    const size = known.toString(2).replaceAll('0', '').length;
    for (let feature = 0; feature < featureCount; feature++) {
      if (((known >> feature) & 1) === 1) continue;
      result[feature] +=
        ((FACTORIAL[size] * FACTORIAL[featureCount - size - 1]) / FACTORIAL[featureCount]) *
        (values[known | (1 << feature)] - values[known]);
    }
  }
  result[featureCount] = values[0];
  return result;
}

/** Name and contributions of every strategy. */
function explained(booster: Booster, rows: Float64Array): [string, Float64Array][] {
  return scorersFor(booster).flatMap((scorer): [string, Float64Array][] => {
    const contributions = scorer.contributions(rows);
    scorer.free();
    return contributions === undefined ? [] : [[scorer.name, contributions]];
  });
}

test('contributions are the Shapley values of the path-dependent expectation, whatever the tree', () => {
  let worst = 0;
  assertProperty(
    property(modelTexts({ trees: 3, leaves: 16, features: FEATURES }), (text) => {
      const booster = parseBooster(text);
      const { rows, count } = criticalRows(booster, 12);
      for (const [name, contributions] of explained(booster, rows)) {
        for (let r = 0; r < count; r++) {
          const row = rows.subarray(r * FEATURES, (r + 1) * FEATURES);
          const actual = contributions.subarray(r * (FEATURES + 1), (r + 1) * (FEATURES + 1));
          const error = contributionError(shapley(booster, row), actual, FEATURES);
          worst = Math.max(worst, error);
          assert.ok(
            error < 1e-12,
            `${name}: contributions [${actual.join(', ')}], by the definition [` +
              `${shapley(booster, row).join(', ')}] for [${row.join(', ')}] of ${text}`,
          );
        }
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(worst > 0, 'nothing was compared');
});

test('contributions add up to the raw score on a path of very many splits and features', () => {
  for (const [leaves, features] of [
    [600, 1],
    [64, 63],
    [200, 150],
    [600, 40],
  ]) {
    const booster = parseBooster(chainModel(leaves, features));
    const { rows, count } = criticalRows(booster, 16);
    for (const [name, contributions] of explained(booster, rows)) {
      for (let r = 0; r < count; r++) {
        const parts = contributions.subarray(r * (features + 1), (r + 1) * (features + 1));
        const [raw] = rawScores(booster, rows.subarray(r * features, (r + 1) * features));
        const scale = parts.reduce((most, part) => Math.max(most, Math.abs(part)), 0);
        assert.ok(
          Math.abs(parts.reduce((a, b) => a + b, 0) - raw) <= 1e-12 * scale,
          `${name}, ${leaves} leaves, ${features} features: row ${r}`,
        );
      }
    }
  }
});

test('a feature that no tree splits on contributes exactly nothing, and nothing is ever -0', () => {
  const booster = parseBooster(SMALL_MODEL.replace('split_feature=0 2 0', 'split_feature=0 0 0'));
  const { rows } = criticalRows(booster, 64);
  for (const [name, contributions] of explained(booster, rows)) {
    for (const [i, value] of contributions.entries()) {
      if (i % 4 === 2) assert.ok(Object.is(value, 0));
      assert.ok(!Object.is(value, -0) && Number.isFinite(value), `${name}: ${value}`);
    }
  }
});

test('linear leaves and texts without row counts, or with such as do not add up, cannot be explained', () => {
  for (const [text, reason] of [
    [LINEAR_MODEL, /^they are not defined for linear trees$/],
    [SMALL_MODEL.replaceAll(/leaf_count=.*\n/g, ''), /^its text has no leaf_count and internal_count of tree 0$/],
    [SMALL_MODEL.replaceAll(/internal_count=.*\n/g, ''), /^its text has no leaf_count and internal_count of tree 0$/],
    [SMALL_MODEL.replace('internal_count=100 30 70', 'internal_count=100 0 70'), /^in tree 0, .* do not add up/],
    [SMALL_MODEL.replace('internal_count=100 30 70', 'internal_count=100 31 69'), /^in tree 0, .* do not add up/],
    [SMALL_MODEL.replace(/leaf_value=\S+/, 'leaf_value=inf'), /^tree 0 has a leaf whose value is not a finite number$/],
    [
      SMALL_MODEL.replace(/leaf_value=\S+/, 'leaf_value=-nan'),
      /^tree 0 has a leaf whose value is not a finite number$/,
    ],
  ] as const) {
    assert.match(String(compileImage(parseBooster(text)).unexplained), reason);
  }
  assert.equal(compileImage(parseBooster(SMALL_MODEL)).unexplained, undefined);
});
