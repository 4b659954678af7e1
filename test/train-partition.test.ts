/** The division of rows by seed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { stratifiedParts, undersampled, UNDERSAMPLE_RATIO } from '../src/train/partition.js';

const labelArray = fc
  .array(fc.integer({ min: 0, max: 1 }), { minLength: 2, maxLength: 300 })
  .map((labels) => Float64Array.from(labels));
const seeds = fc.nat();
const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);
const positivesIn = (labels: Float64Array, rows: Int32Array): number => rows.reduce((sum, row) => sum + labels[row], 0);

test('parts have every row once, in order, and differ by at most one row and one positive', () => {
  fc.assert(
    fc.property(labelArray, fc.integer({ min: 1, max: 7 }), seeds, (labels, parts, seed) => {
      const made = stratifiedParts(labels, parts, seed);
      assert.deepEqual(
        made.flatMap((rows) => [...rows]).toSorted((a, b) => a - b),
        [...labels.keys()],
      );
      for (const rows of made) assert.deepEqual(rows, rows.toSorted());
      assert.ok(spread(made.map(({ length }) => length)) <= 1);
      assert.ok(spread(made.map((rows) => positivesIn(labels, rows))) <= 1);
    }),
  );
});

test('undersampling keeps every positive and a fixed number of negatives for each', () => {
  fc.assert(
    fc.property(labelArray, seeds, (labels, seed) => {
      const rows = undersampled(labels, seed);
      const positives = labels.reduce((sum, label) => sum + label, 0);
      assert.equal(positivesIn(labels, rows), positives);
      assert.equal(rows.length - positives, Math.min(labels.length - positives, positives * UNDERSAMPLE_RATIO));
      assert.deepEqual(rows, rows.toSorted());
      assert.equal(new Set(rows).size, rows.length);
    }),
  );
});

test('the same seed gives the same rows, another seed others', () => {
  const labels = Float64Array.from({ length: 200 }, (_, row) => Number(row % 10 === 0));
  assert.deepEqual(stratifiedParts(labels, 2, 1), stratifiedParts(labels, 2, 1));
  assert.notDeepEqual(stratifiedParts(labels, 2, 1), stratifiedParts(labels, 2, 2));
  assert.deepEqual(undersampled(labels, 1), undersampled(labels, 1));
  assert.notDeepEqual(undersampled(labels, 1), undersampled(labels, 2));
});
