/**
 * Writes `model_card.md`. The texts here are part of published artifacts: rewording them changes the bytes that
 * training reproduces.
 */
import { confusion, rank, reliability } from './evaluation.js';
import { decimal, percent, whole } from './figures.js';
import { HEADLINE_NOTE, headline, type TrainingRun, rankedImportance, splitOf } from './run.js';

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
On test rows that neither training nor calibration saw. ${HEADLINE_NOTE}.

- **AUC-ROC**: ${compared(run, 'auc_roc')}
- **AUC-PR**: ${compared(run, 'auc_pr')}
- **Precision @ 10% Recall**: ${compared(run, 'precision_at_10pct_recall')}
- **Calibration Error**: ${compared(run, 'calibration_error')}
${crossValidation(run)}
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

/** One headline figure, on all splits. */
function compared(run: TrainingRun, key: keyof ReturnType<typeof headline>): string {
  const [test, validation, train] = (['test', 'validation', 'train'] as const).map((split) =>
    decimal(headline(splitOf(run, split))[key]),
  );
  return `${test} (validation: ${validation}, train: ${train})`;
}

function crossValidation({ crossValidation: result }: TrainingRun): string {
  if (result === undefined) return '';
  const { meanAuc, spread, folds } = result;
  const auc = `AUC-ROC ${decimal(meanAuc)}, standard deviation ${decimal(spread)}`;
  return `- **Cross-validation**: ${auc}, ${folds} folds\n`;
}

function size({ splits }: TrainingRun): string {
  const rows = splits.reduce((sum, { labels }) => sum + labels.length, 0);
  const frauds = splits.reduce((sum, split) => sum + split.frauds, 0);
  const parts = splits.map(({ split, labels }) => `${split} ${whole(labels.length)}`).join(', ');
  return [`- **Size**: ${whole(rows)} samples (${parts})`, `- **Fraud Rate**: ${percent(frauds / rows)}`].join('\n');
}

function calibration(run: TrainingRun): string {
  const { thresholds, rows, note } = run.calibration;
  const { before, after } = splitOf(run, 'test');
  const precision = decimal(after.precision_at_10pct_recall);
  const uncalibrated = `The booster's probability has calibration error ${decimal(before.calibration_error)} there.`;
  return [
    `Isotonic regression, ${whole(thresholds)} thresholds from ${whole(rows)} rows. ${note}`,
    'It makes some unequal scores equal, and so ranks a little differently: ' +
      `on the test split the calibrated score has AUC-ROC ${decimal(after.auc_roc)},`,
    `AUC-PR ${decimal(after.auc_pr)} and precision at 10% recall ${precision}. ${uncalibrated}`,
  ].join('\n');
}

function reliabilityRows(run: TrainingRun): string {
  const test = splitOf(run, 'test');
  return reliability(test.labels, test.calibrated)
    .map(({ lower, upper, count, meanScore, positiveRate }) => {
      const [mean, share] = [meanScore, positiveRate].map((value) => (count > 0 ? decimal(value) : ''));
      return `| ${lower.toFixed(1)} to ${upper.toFixed(1)} | ${whole(count)} | ${mean} | ${share} |`;
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
  const sparse = reliability(test.labels, test.calibrated).filter(({ count }) => count < 30);
  const [before, after] = [test.before.calibration_error, test.after.calibration_error];
  const lines = ['May not generalize to new fraud patterns', 'Requires feature drift monitoring'];
  if (run.data.synthetic) lines.unshift('Trained on synthetic data');
  if (after > before) {
    lines.push(
      'Calibration made the calibration error on the test split worse: ' +
        `${decimal(before)} for the booster's probability, ${decimal(after)} for the calibrated score`,
    );
  }
  if (sparse.length > 0) {
    lines.push(
      'Calibration is poorly supported where scores are rare: ' +
        `${sparse.length} of the 10 score bins above hold fewer than 30 test applications`,
    );
  }
  lines.push(`The test split holds ${whole(test.frauds)} frauds: its metrics carry that much sampling error`);
  if (run.importance.some(({ feature, gain }) => feature === 'age' && gain > 0)) {
    lines.push("Uses the applicant's age: check fairness and the law that applies before scores decide alone");
  }
  return lines;
}
