/** Metrics and curves, against scikit-learn and their definitions. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  type Metrics,
  aucRoc,
  chooseThreshold,
  confusion,
  evaluate,
  mergeSmallBins,
  precisionRecallCurve,
  rank,
  reliability,
  rocCurve,
} from '../src/train/evaluation.js';
import { projectRoot } from './support/project.js';

interface Case extends Metrics {
  kind: string;
  labels: number[];
  scores: number[];
  false_positive_rate: number[];
  true_positive_rate: number[];
  precision: number[];
  recall: number[];
}

const cases: Case[] = JSON.parse(readFileSync(join(projectRoot, 'test/data/training/evaluation.json'), 'utf8'));

function near(actual: number, expected: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)),
    `${what}: ${actual} is not ${expected}`,
  );
}

test("metrics equal scikit-learn's", () => {
  for (const expected of cases) {
    const metrics = evaluate(expected.labels, expected.scores);
    for (const name of [
      'auc_roc',
      'auc_pr',
      'precision_at_10pct_recall',
      'calibration_error',
      'log_loss',
      'brier',
    ] as const) {
      near(metrics[name], expected[name], `${expected.kind}, ${name}`);
    }
  }
});

test("curves equal scikit-learn's, point by point", () => {
  for (const expected of cases) {
    const ranking = rank(expected.labels, expected.scores);
    const roc = rocCurve(ranking, Infinity);
    assert.deepEqual(
      roc.map(({ x }) => x),
      expected.false_positive_rate,
      expected.kind,
    );
    assert.deepEqual(
      roc.map(({ y }) => y),
      expected.true_positive_rate,
      expected.kind,
    );
    const curve = precisionRecallCurve(ranking, Infinity);
    // scikit-learn's curve ends at the first point with full recall; later steps do not change the recall.
    assert.deepEqual(
      curve.slice(0, expected.recall.length).map(({ x }) => x),
      expected.recall,
      expected.kind,
    );
    assert.deepEqual(
      curve.slice(0, expected.precision.length).map(({ y }) => y),
      expected.precision,
      expected.kind,
    );
  }
});

test('a thinned curve keeps its ends and a subset of its points', () => {
  const labels = Array.from({ length: 5000 }, (_, i) => ((i * i) % 7 < 3 ? 1 : 0));
  const scores = labels.map((label, i) => ((i * 7919) % 5000) / 10_000 + label / 4);
  const ranking = rank(labels, scores);
  const whole = rocCurve(ranking, Infinity);
  const thinned = rocCurve(ranking, 100);
  assert.ok(thinned.length <= 100 && thinned.length > 50);
  assert.deepEqual([thinned[0], thinned.at(-1)], [whole[0], whole.at(-1)]);
  const points = new Set(whole.map(({ x, y }) => `${x} ${y}`));
  assert.ok(thinned.every(({ x, y }) => points.has(`${x} ${y}`)));
});

const labelledScores = fc
  .array(fc.record({ label: fc.constantFrom(0, 1), score: fc.integer({ min: 0, max: 8 }).map((step) => step / 8) }), {
    minLength: 2,
    maxLength: 40,
  })
  .filter((rows) => rows.some(({ label }) => label === 1) && rows.some(({ label }) => label === 0));

test('AUC-ROC is the share of correctly ranked pairs, ties counting half', () => {
  fc.assert(
    fc.property(labelledScores, (rows) => {
      const [frauds, others] = [1, 0].map((wanted) => rows.filter(({ label }) => label === wanted));
      const won = frauds.flatMap((fraud) =>
        others.map((other) => (fraud.score > other.score ? 1 : fraud.score === other.score ? 0.5 : 0)),
      );
      const expected = won.reduce<number>((sum, value) => sum + value, 0) / won.length;
      assert.equal(
        aucRoc(
          rank(
            rows.map(({ label }) => label),
            rows.map(({ score }) => score),
          ),
        ),
        expected,
      );
    }),
  );
});

test('the confusion table counts the rows, and no threshold has a higher F1 than the chosen one', () => {
  fc.assert(
    fc.property(
      labelledScores,
      fc.integer({ min: -1, max: 9 }).map((step) => step / 8),
      (rows, threshold) => {
        const ranking = rank(
          rows.map(({ label }) => label),
          rows.map(({ score }) => score),
        );
        const table = confusion(ranking, threshold);
        assert.equal(table.truePositives, rows.filter(({ label, score }) => label === 1 && score >= threshold).length);
        assert.equal(table.falsePositives, rows.filter(({ label, score }) => label === 0 && score >= threshold).length);
        assert.equal(
          table.truePositives + table.falsePositives + table.trueNegatives + table.falseNegatives,
          rows.length,
        );
        assert.ok(table.f1 <= confusion(ranking, chooseThreshold(ranking)).f1);
      },
    ),
  );
});

test('a score on a bin edge belongs to the bin above it, and 1 to the last', () => {
  const edges = Array.from({ length: 11 }, (_, i) => i / 10);
  const counts = reliability(
    edges.map(() => 1),
    edges,
  ).map(({ count }) => count);
  assert.deepEqual(counts, [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
});

test('labels and scores that cannot be evaluated are refused with the reason', () => {
  assert.throws(() => evaluate([0, 0], [0.1, 0.2]), { code: 'DATA_INVALID', message: /only one class/ });
  assert.throws(() => evaluate([0, 2], [0.1, 0.2]), { code: 'DATA_INVALID', message: /row 2 has the label 2/ });
  assert.throws(() => evaluate([0, 1], [0.1, NaN]), { code: 'DATA_INVALID', message: /row 2 has no score/ });
  assert.throws(() => evaluate([0, 1], [0.1, 1.5]), { code: 'DATA_INVALID', message: /not a probability/ });
  assert.throws(() => evaluate([0, 1], [0.1]), { code: 'DATA_INVALID', message: /2 labels but 1 scores/ });
});

test('bins of few rows are joined with their neighbours, and no row is lost', () => {
  const scores = [...Array.from({ length: 6 }, () => 0.05), 0.31, 0.32, 0.33, 0.34, 0.55, 0.65, 0.66, 0.67, 0.99];
  const labels = scores.map((_, row) => (row % 3 === 0 ? 1 : 0));
  const bins = mergeSmallBins(reliability(labels, scores), 4);
  assert.deepEqual(
    bins.map(({ lower, upper, count }) => [lower, upper, count]),
    [
      [0, 0.1, 6],
      [0.1, 0.4, 4],
      [0.4, 1, 5],
    ],
  );
  for (const { lower, upper, count, meanScore, positiveRate } of bins) {
    const rows = Array.from(scores.keys()).filter((row) => scores[row] >= lower && scores[row] < upper);
    near(meanScore, rows.reduce((sum, row) => sum + scores[row], 0) / count, 'mean score');
    near(positiveRate, rows.reduce((sum, row) => sum + labels[row], 0) / count, 'share of positives');
  }
});

test('fewer rows than a bin needs make a single bin; large bins stay as they are', () => {
  const [only, ...others] = mergeSmallBins(reliability([0, 1, 0], [0.1, 0.5, 0.9]), 30);
  assert.deepEqual([only.lower, only.upper, only.count, others.length], [0, 1, 3, 0]);
  const scores = Array.from({ length: 100 }, (_, row) => row / 100);
  const bins = reliability(
    scores.map((_, row) => row % 2),
    scores,
  );
  assert.deepEqual(mergeSmallBins(bins, 10), bins);
});
