/**
 * Writes `model_card.md`. The texts here are part of published artifacts: rewording them changes the bytes that
 * training reproduces.
 */
import { confusion, type Metrics, mergeSmallBins, MIN_BIN_ROWS, rank, reliability } from './evaluation.js';
import { decimal, percent, whole } from './figures.js';
import { type TrainingRun, rankedImportance, splitOf } from './run.js';
import { calibrationVerdict, calibrationWarnings, rankingLoss } from './verdict.js';

/**
 * The model card of a training run, in Markdown: the sections of the Python service's template, then calibration, the
 * chosen threshold and the limitations. The headline figures are those of the test split.
 */
export function renderModelCard(run: TrainingRun): string {
  return `# Fraud Detection Model ${run.version}

## Model Overview
- **Type**: LightGBM Binary Classifier, ${whole(run.booster.rounds)} trees, isotonic calibration
- **Purpose**: Auto loan fraud detection
- **Training Date**: ${run.trainedAt.slice(0, 10)}
- **Features**: ${run.importance.length} engineered features

## Performance Metrics
Of the calibrated score, which is what is served, on test rows that neither training nor calibration saw. The figures
before calibration are those of the booster's probability.

- **AUC-ROC**: ${compared(run, 'auc_roc')}
- **AUC-PR**: ${compared(run, 'auc_pr')}
- **Precision @ 10% Recall**: ${compared(run, 'precision_at_10pct_recall')}
- **Log Loss**: ${compared(run, 'log_loss')}
- **Calibration Error**: ${compared(run, 'calibration_error')}
${crossValidation(run)}
${calibrationVerdict(run).sentence}

## Training Data
${size(run)}
- **Time Period**: ${run.data.period ?? 'not stated'}
- **Data Quality**: ${percent(run.data.completeness)} complete features
- **Class Imbalance**: ${run.booster.imbalance}
- **Source**: ${run.data.location}, SHA-256 ${run.data.fingerprint}

## Feature Importance
By share of total gain.

${rankedImportance(run.importance)
  .map(({ feature, share }, index) => `${index + 1}. ${feature} (${share.toFixed(2)})`)
  .join('\n')}

## Calibration
${calibration(run)}

Reliability on the test split: a calibrated score should be the share of frauds among the applications that have it.
Ranges of fewer than ${MIN_BIN_ROWS} applications are joined with their neighbours.

| Score | Applications | Mean score | Share of frauds |
|---|---:|---:|---:|
${reliabilityRows(run)}

## Decision Threshold
${decision(run)}

## Limitations
${limitations(run)
  .map((line) => `- ${line}`)
  .join('\n')}
`;
}

/** One figure of the served score on all splits, and on the test split before calibration. */
function compared(run: TrainingRun, key: keyof Metrics): string {
  const [test, validation, train] = (['test', 'validation', 'train'] as const).map((split) =>
    decimal(splitOf(run, split).after[key]),
  );
  const before = decimal(splitOf(run, 'test').before[key]);
  return `${test} (before calibration: ${before}; validation: ${validation}, train: ${train})`;
}

function crossValidation({ crossValidation: result }: TrainingRun): string {
  if (result === undefined) return '';
  const { meanAuc, spread, folds } = result;
  const auc = `AUC-ROC ${decimal(meanAuc)}, standard deviation ${decimal(spread)}`;
  return `- **Cross-validation**: ${auc}, ${folds} folds, before calibration\n`;
}

function size({ splits }: TrainingRun): string {
  const rows = splits.reduce((sum, { labels }) => sum + labels.length, 0);
  const frauds = splits.reduce((sum, split) => sum + split.frauds, 0);
  const parts = splits.map(({ split, labels }) => `${split} ${whole(labels.length)}`).join(', ');
  return [`- **Size**: ${whole(rows)} samples (${parts})`, `- **Fraud Rate**: ${percent(frauds / rows)}`].join('\n');
}

function calibration(run: TrainingRun): string {
  const { thresholds, rows, frauds, note } = run.calibration;
  const fitted = `${whole(rows)} rows with ${whole(frauds)} frauds`;
  const lines = [`Isotonic regression, ${whole(thresholds)} thresholds from ${fitted}. ${note}`];
  const loss = rankingLoss(splitOf(run, 'test'));
  if (loss !== undefined) lines.push(loss);
  return lines.join('\n');
}

function reliabilityRows(run: TrainingRun): string {
  const { labels, calibrated } = splitOf(run, 'test');
  return mergeSmallBins(reliability(labels, calibrated), MIN_BIN_ROWS)
    .map(({ lower, upper, count, meanScore, positiveRate }) => {
      const cells = [whole(count), decimal(meanScore), decimal(positiveRate)].join(' | ');
      return `| ${lower.toFixed(1)} to ${upper.toFixed(1)} | ${cells} |`;
    })
    .join('\n');
}

function decision(run: TrainingRun): string {
  const test = splitOf(run, 'test');
  const { flagged, precision, recall } = confusion(rank(test.labels, test.calibrated), run.threshold);
  return [
    `A calibrated score of at least ${decimal(run.threshold)} has the highest F1 on the validation split. ` +
      `On the test split it flags ${percent(flagged)} of the`,
    `applications; ${percent(precision)} of these are fraud, and they are ${percent(recall)} of all frauds.`,
  ].join('\n');
}

function limitations(run: TrainingRun): string[] {
  const test = splitOf(run, 'test');
  const sparse = reliability(test.labels, test.calibrated).filter(({ count }) => count < MIN_BIN_ROWS);
  const lines = ['May not generalize to new fraud patterns', 'Requires feature drift monitoring'];
  if (run.data.synthetic) lines.unshift('Trained on synthetic data');
  lines.push(...calibrationWarnings(run));
  if (sparse.length > 0) {
    lines.push(
      'Calibration is poorly supported where scores are rare: ' +
        `of ten equal ranges of scores, ${sparse.length} hold fewer than ${MIN_BIN_ROWS} test applications`,
    );
  }
  lines.push(`The test split holds ${whole(test.frauds)} frauds: its metrics carry that much sampling error`);
  if (run.importance.some(({ feature, gain }) => feature === 'age' && gain > 0)) {
    lines.push("Uses the applicant's age: check fairness and the law that applies before scores decide alone");
  }
  return lines;
}
