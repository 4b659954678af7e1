/** Isotonic regression, against scikit-learn and its definition. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { calibrate } from '../src/artifact/calibrator.js';
import { fitIsotonic } from '../src/train/isotonic.js';
import { projectRoot } from './support/project.js';

interface Case {
  kind: string;
  scores: number[];
  labels: number[];
  weights: number[] | null;
  x_thresholds: number[];
  y_thresholds: number[];
  asked: number[];
  predicted: number[];
}

test('thresholds and predictions are those of scikit-learn, bit for bit', () => {
  const cases: Case[] = JSON.parse(readFileSync(join(projectRoot, 'test/data/training/isotonic.json'), 'utf8'));
  assert.ok(cases.length >= 60);
  for (const { kind, scores, labels, weights, x_thresholds, y_thresholds, asked, predicted } of cases) {
    const fitted = fitIsotonic({ scores, labels, weights: weights ?? undefined });
    const name = `${kind}, ${scores.length} rows${weights === null ? '' : ', weighted'}`;
    assert.deepEqual([...fitted.x], x_thresholds, name);
    assert.deepEqual([...fitted.y], y_thresholds, name);
    assert.deepEqual(
      asked.map((score) => calibrate(fitted, score)),
      predicted,
      name,
    );
  }
});

test('scores closer than the tolerance are one score, measured from the first of their group', () => {
  const step = 2 ** -51;
  const scores = [0.5, 0.5 + step, 0.5 + 2 * step, 0.5 + 3 * step];
  const { x, y } = fitIsotonic({ scores, labels: [0, 1, 1, 1] });
  assert.deepEqual([...x], [0.5, 0.5 + 3 * step]);
  assert.deepEqual([...y], [2 / 3, 1]);
});

/**
 * The definition: the value at i is the maximum, over starts up to i, of the minimum, over ends from i, of the mean
 * between them.
 */
function minMaxFormula(y: readonly number[], weight: readonly number[]): number[] {
  const mean = (from: number, to: number): number => {
    let sum = 0;
    let total = 0;
    for (let i = from; i <= to; i++) {
      sum += y[i] * weight[i];
      total += weight[i];
    }
    return sum / total;
  };
  return y.map((_, i) => {
    const smallest = y
      .slice(0, i + 1)
      .map((_value, from) => Math.min(...y.slice(i).map((_other, to) => mean(from, i + to))));
    return Math.max(...smallest);
  });
}

test('the fit is the isotonic regression by its definition', () => {
  const rows = fc.array(fc.record({ label: fc.constantFrom(0, 1, 0.5, -2), weight: fc.integer({ min: 1, max: 5 }) }), {
    minLength: 1,
    maxLength: 25,
  });
  fc.assert(
    fc.property(rows, fc.boolean(), (drawn, backwards) => {
      const scores = drawn.map((_, i) => i / 32);
      const labels = drawn.map(({ label }) => label);
      const weights = drawn.map(({ weight }) => weight);
      const expected = minMaxFormula(labels, weights);
      const fitted = backwards
        ? fitIsotonic({
            scores: scores.toReversed(),
            labels: labels.toReversed(),
            weights: weights.toReversed(),
          })
        : fitIsotonic({ scores, labels, weights });
      for (const [i, score] of scores.entries()) assert.ok(Math.abs(calibrate(fitted, score) - expected[i]) <= 1e-12);
    }),
  );
});

test('rows that cannot be fitted are refused with the reason', () => {
  for (const [rows, message] of [
    [{ scores: [], labels: [] }, /no row/],
    [{ scores: [0.1], labels: [1], weights: [0] }, /no row/],
    [{ scores: [0.1, 0.2], labels: [1] }, /differ in length/],
    [{ scores: [0.1, NaN], labels: [0, 1] }, /row 2/],
    [{ scores: [0.1, 0.2], labels: [0, 1], weights: [1, -1] }, /row 2/],
  ] as const) {
    assert.throws(() => fitIsotonic(rows), { code: 'DATA_INVALID', message });
  }
});
