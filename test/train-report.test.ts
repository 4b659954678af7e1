/** The training report and the model card. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseThreshold, rank } from '../src/train/evaluation.js';
import { SPLITS } from '../src/train/features.js';
import { renderModelCard } from '../src/train/model-card.js';
import { Random, sigmoid } from '../src/train/random.js';
import { renderReport } from '../src/train/report.js';
import { type TrainingRun, evaluateSplit } from '../src/train/run.js';

function makeRun(changes: Partial<TrainingRun> = {}, scoreOf: (logOdds: number) => number = sigmoid): TrainingRun {
  const random = new Random(3);
  const splits = SPLITS.map((split) => {
    const risk = Float64Array.from({ length: 800 }, () => 1.5 * random.normal() - 2);
    const labels = risk.map((value, row) => (row === 0 || random.chance(sigmoid(value)) ? 1 : 0));
    const calibrated = risk.map(scoreOf);
    return evaluateSplit(split, { labels, uncalibrated: calibrated.map((score) => score ** 1.2), calibrated });
  });
  return {
    version: 'v9.1.0',
    trainedAt: '2026-01-02T03:04:05Z',
    data: { location: 'data', fingerprint: 'ab'.repeat(32), completeness: 0.992, period: undefined, synthetic: true },
    booster: {
      lightgbmVersion: '4.1.0',
      rounds: 57,
      parameters: { objective: 'binary', learning_rate: 0.05 },
      imbalance: 'Not treated.',
    },
    calibration: { rows: 400, thresholds: 21, note: 'Fitted on half of the validation rows.' },
    splits,
    importance: [
      { feature: 'age', gain: 1, splits: 10 },
      { feature: 'ltv_ratio', gain: 3, splits: 20 },
    ],
    threshold: chooseThreshold(rank(splits[1].labels, splits[1].calibrated)),
    crossValidation: undefined,
    ...changes,
  };
}

test('the report has every figure, needs no external assets, and has the same bytes each time', async () => {
  const page = await renderReport(makeRun());
  for (const label of [
    'ROC curve',
    'Precision-recall curve',
    'Reliability diagram before and after calibration',
    'Distribution of scores by class',
    'Feature importance by gain',
  ]) {
    assert.match(page, new RegExp(`<svg [^>]*aria-label="${label}"`));
  }
  assert.match(page, /<table class="confusion full">/);
  assert.equal(/<script|<link|<img|@import|url\(|(?:src|href)=/.test(page), false);
  assert.equal(/NaN|Infinity|undefined/.test(page), false);
  assert.equal(await renderReport(makeRun()), page);
});

test('the confusion table and the metrics are those of the test split', async () => {
  const run = makeRun();
  const { labels, calibrated, before, after } = run.splits[2];
  const page = await renderReport(run);
  const found = labels.filter((label, row) => label === 1 && calibrated[row] >= run.threshold).length;
  assert.ok(page.includes(`<b>${found}</b>found`));
  assert.ok(page.includes(`AUC-ROC<b>${before.auc_roc.toFixed(4)}</b><small>booster's probability;`));
  assert.ok(page.includes(`Calibration error<b>${after.calibration_error.toFixed(4)}</b><small>calibrated score;`));
});

test('text from the data is escaped', async () => {
  const base = makeRun();
  const page = await renderReport({
    ...base,
    version: '<b>"v1"&',
    data: { ...base.data, location: '<script>alert(1)</script>' },
    importance: [{ feature: '<img src=x>', gain: 1, splits: 1 }],
  });
  assert.equal(page.includes('<script>'), false);
  assert.equal(page.includes('<img'), false);
  assert.ok(page.includes('&lt;b&gt;&quot;v1&quot;&amp;'));
});

for (const [name, run] of [
  [
    'a constant score and no split at all',
    makeRun({ importance: [{ feature: 'age', gain: 0, splits: 0 }], threshold: 0.5 }, () => 0.25),
  ],
  ['scores of 0 and 1', makeRun({}, (logOdds) => (logOdds > 0 ? 1 : 0))],
  ['a threshold that nothing reaches', makeRun({ threshold: 2 })],
  [
    '300 features',
    makeRun({ importance: Array.from({ length: 300 }, (_, i) => ({ feature: `f${i}`, gain: i, splits: i })) }),
  ],
] as const) {
  test(`a run with ${name} gives a report and a card without NaN`, async () => {
    assert.equal(/NaN|Infinity|undefined/.test(await renderReport(run)), false);
    assert.equal(/NaN|Infinity|undefined/.test(renderModelCard(run)), false);
  });
}

test('the model card has the sections of the template, filled from the run', () => {
  const run = makeRun({ crossValidation: { folds: 5, meanAuc: 0.81234, spread: 0.01 } });
  const card = renderModelCard(run);
  for (const heading of [
    '# Fraud Detection Model v9.1.0',
    '## Model Overview',
    '## Performance Metrics',
    '## Training Data',
    '## Feature Importance',
    '## Calibration',
    '## Limitations',
  ]) {
    assert.ok(card.includes(`${heading}\n`), heading);
  }
  const [auc, validationAuc] = [run.splits[2], run.splits[1]].map(({ before }) => before.auc_roc.toFixed(4));
  assert.ok(card.includes(`- **AUC-ROC**: ${auc} (validation: ${validationAuc}`));
  const [error, validationError] = [run.splits[2], run.splits[1]].map(({ after }) =>
    after.calibration_error.toFixed(4),
  );
  assert.ok(card.includes(`- **Calibration Error**: ${error} (validation: ${validationError}`));
  assert.match(
    card,
    /precision at 10% recall are of the booster's probability; the calibration error is of the calibrated score/,
  );
  assert.ok(card.includes('- **Training Date**: 2026-01-02\n'));
  assert.ok(card.includes('- **Size**: 2,400 samples (train 800, validation 800, test 800)\n'));
  assert.ok(card.includes('1. ltv_ratio (0.75)\n2. age (0.25)\n'));
  assert.ok(card.includes('AUC-ROC 0.8123, standard deviation 0.0100, 5 folds'));
  assert.ok(card.includes('- Trained on synthetic data\n'));
  assert.equal(renderModelCard(makeRun({ data: { ...run.data, synthetic: false } })).includes('synthetic'), false);
});

test('a calibration that made the calibration error worse is a limitation, with both figures', () => {
  const better = makeRun();
  assert.ok(better.splits[2].after.calibration_error < better.splits[2].before.calibration_error);
  assert.equal(renderModelCard(better).includes('worse'), false);
  const splits = better.splits.map(({ split, labels, calibrated, uncalibrated }) =>
    evaluateSplit(split, { labels, uncalibrated: calibrated, calibrated: uncalibrated }),
  );
  const [before, after] = [splits[2].before, splits[2].after].map((metrics) => metrics.calibration_error.toFixed(4));
  const [limitations] = renderModelCard({ ...better, splits })
    .split('## Limitations')
    .slice(1);
  const figures = `${before} for the booster's probability, ${after} for the calibrated score`;
  assert.ok(limitations.includes(`worse: ${figures}\n`));
});
