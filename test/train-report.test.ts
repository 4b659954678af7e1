/** The training report and the model card. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calibrate } from '../src/artifact/calibrator.js';
import { chooseThreshold, evaluate, rank } from '../src/train/evaluation.js';
import { SPLITS } from '../src/train/features.js';
import { fitIsotonic } from '../src/train/isotonic.js';
import { renderModelCard } from '../src/train/model-card.js';
import { Random, sigmoid } from '../src/train/random.js';
import { renderReport } from '../src/train/report.js';
import { type TrainingRun, evaluateSplit } from '../src/train/run.js';
import { calibrationWarnings, MIN_CALIBRATION_FRAUDS } from '../src/train/verdict.js';

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
    calibration: { rows: 400, frauds: 90, thresholds: 21, note: 'Fitted on half of the validation rows.' },
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
    'Reliability before calibration',
    'Reliability as served',
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
  for (const [name, key] of [
    ['AUC-ROC', 'auc_roc'],
    ['AUC-PR', 'auc_pr'],
    ['Log loss', 'log_loss'],
    ['Calibration error', 'calibration_error'],
  ] as const) {
    const [tile] = page.split(`<div class="tile">${name}`).slice(1);
    const [served] = tile.split('</div>');
    assert.ok(served.startsWith(`<b>${after[key].toFixed(4)}</b>`), `${name} is that of the score that is served`);
    assert.ok(served.includes(`before calibration (${before[key].toFixed(4)})`), name);
  }
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
  for (const [name, key] of [
    ['AUC-ROC', 'auc_roc'],
    ['Log Loss', 'log_loss'],
    ['Calibration Error', 'calibration_error'],
  ] as const) {
    const [train, validation, tested] = run.splits.map(({ after }) => after[key].toFixed(4));
    const before = run.splits[2].before[key].toFixed(4);
    const others = `(before calibration: ${before}; validation: ${validation}, train: ${train})`;
    assert.ok(card.includes(`- **${name}**: ${tested} ${others}\n`), name);
  }
  assert.ok(card.includes('- **Training Date**: 2026-01-02\n'));
  assert.ok(card.includes('- **Size**: 2,400 samples (train 800, validation 800, test 800)\n'));
  assert.ok(card.includes('1. ltv_ratio (0.75)\n2. age (0.25)\n'));
  assert.ok(card.includes('AUC-ROC 0.8123, standard deviation 0.0100, 5 folds'));
  assert.ok(card.includes('- Trained on synthetic data\n'));
  assert.equal(renderModelCard(makeRun({ data: { ...run.data, synthetic: false } })).includes('synthetic'), false);
});

/** The run of `makeRun` with the scores before and after calibration in each other's place. */
function exchanged(run: TrainingRun): TrainingRun {
  const splits = run.splits.map(({ split, labels, calibrated, uncalibrated }) =>
    evaluateSplit(split, { labels, uncalibrated: calibrated, calibrated: uncalibrated }),
  );
  return { ...run, splits };
}

test('a calibration that did harm is a warning of report, card and command, with the figures', async () => {
  const worse = exchanged(makeRun());
  const { before, after } = worse.splits[2];
  assert.ok(after.log_loss > before.log_loss && after.calibration_error > before.calibration_error);
  const sentence =
    `Calibration made the score worse on the test split: log loss ${before.log_loss.toFixed(4)} before, ` +
    `${after.log_loss.toFixed(4)} after; calibration error ${before.calibration_error.toFixed(4)} before, ` +
    `${after.calibration_error.toFixed(4)} after.`;
  assert.ok((await renderReport(worse)).includes(`class="verdict warning"><strong>Warning:</strong> ${sentence}`));
  const [, limitations] = renderModelCard(worse).split('## Limitations');
  assert.ok(limitations.includes(`- ${sentence}\n`));
  assert.ok(calibrationWarnings(worse).includes(sentence));
});

test('a calibration that helped, on many frauds, is said to have helped, without a warning', async () => {
  const base = makeRun();
  const better = { ...base, calibration: { ...base.calibration, frauds: MIN_CALIBRATION_FRAUDS } };
  assert.deepEqual(calibrationWarnings(better), []);
  const page = await renderReport(better);
  assert.match(page, /class="verdict">Calibration made the score better on the test split: log loss 0\.\d{4} before/);
  assert.equal(page.includes('Warning'), false);
});

test('a calibrator that was fitted on few frauds is a warning with their number', async () => {
  const [warning, ...others] = calibrationWarnings(makeRun());
  assert.match(warning, /^The calibrator was fitted on 90 frauds, fewer than 1,000: /);
  assert.deepEqual(others, []);
  assert.ok((await renderReport(makeRun())).includes(warning));
  assert.ok(renderModelCard(makeRun()).includes(`- ${warning}\n`));
});

test('no range of scores with fewer rows than it needs is shown', async () => {
  const run = makeRun({}, (logOdds) => (logOdds > 0 ? 0.97 : sigmoid(logOdds - 1)));
  const [card, page] = [renderModelCard(run), await renderReport(run)];
  const ranges = [...card.matchAll(/^\| [\d.]+ to [\d.]+ \| ([\d,]+) \|/gm)].map(([, rows]) => rows);
  assert.ok(ranges.length > 1);
  for (const rows of ranges) assert.ok(Number(rows.replace(',', '')) >= 30, rows);
  const [, chart] = page.split('aria-label="Reliability as served"');
  const [svg] = chart.split('</svg>');
  assert.deepEqual(
    [...svg.matchAll(/<text [^>]*>([\d,]+)<\/text>/g)].map(([, rows]) => rows),
    ranges,
  );
});

test('a calibrator of few frauds makes a good score much worse, one of enough hardly', () => {
  const random = new Random(11);
  const draw = (rows: number) => {
    const scores = Float64Array.from({ length: rows }, () => sigmoid(1.5 * random.normal() - 4.3));
    return { scores, labels: scores.map((score) => (random.chance(score) ? 1 : 0)) };
  };
  const unseen = draw(100_000);
  const before = evaluate(unseen.labels, unseen.scores).log_loss;
  /** Mean log loss on unseen rows in ratio to the score's own, with a calibrator that was fitted on so many frauds. */
  const ratio = (frauds: number): number => {
    const losses = Array.from({ length: 5 }, () => {
      const pool = draw(60_000);
      let found = 0;
      const end = pool.labels.findIndex((label) => label === 1 && ++found === frauds) + 1;
      const calibrator = fitIsotonic({
        scores: pool.scores.subarray(0, end),
        labels: pool.labels.subarray(0, end),
      });
      return evaluate(
        unseen.labels,
        unseen.scores.map((score) => calibrate(calibrator, score)),
      ).log_loss;
    });
    return losses.reduce((sum, loss) => sum + loss, 0) / losses.length / before;
  };
  const [few, enough] = [ratio(MIN_CALIBRATION_FRAUDS / 10), ratio(MIN_CALIBRATION_FRAUDS)];
  assert.ok(few > 1.1, `${few}`);
  assert.ok(enough < 1.05, `${enough}`);
});
