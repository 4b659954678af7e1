import { confusion, rank, reliability } from './evaluation.js';
import { decimal, percent, whole } from './figures.js';
import { HEADLINE_NOTE, headline, type TrainingRun, rankedImportance, splitOf } from './run.js';

/**
 * The model card of a training run, in Markdown: the sections of the Python service's template, then how the score is
 * calibrated, the chosen threshold and the limitations. The headline figures are those of the test split.
 */
export function renderModelCard(run: TrainingRun): string {
  const [train, validation, test] = [splitOf(run, 'train'), splitOf(run, 'validation'), splitOf(run, 'test')];
  const rows = run.splits.reduce((sum, { labels }) => sum + labels.length, 0);
  const frauds = run.splits.reduce((sum, split) => sum + split.frauds, 0);
  const table = confusion(rank(test.labels, test.calibrated), run.threshold);
  const compared = (key: 'auc_roc' | 'auc_pr' | 'precision_at_10pct_recall' | 'calibration_error'): string =>
    `${decimal(headline(test)[key])} (validation: ${decimal(headline(validation)[key])}, train: ${decimal(headline(train)[key])})`;
  return `# Fraud Detection Model ${run.version}

## Model Overview
- **Type**: LightGBM Binary Classifier, ${whole(run.booster.rounds)} trees, isotonic calibration
- **Purpose**: Auto loan fraud detection
- **Training Date**: ${run.trainedAt.slice(0, 10)}
- **Features**: ${run.importance.length} engineered features

## Performance Metrics
On test rows that neither training nor calibration saw. ${HEADLINE_NOTE}.

- **AUC-ROC**: ${compared('auc_roc')}
- **AUC-PR**: ${compared('auc_pr')}
- **Precision @ 10% Recall**: ${compared('precision_at_10pct_recall')}
- **Calibration Error**: ${compared('calibration_error')}
${run.crossValidation === undefined ? '' : `- **Cross-validation**: AUC-ROC ${decimal(run.crossValidation.meanAuc)}, standard deviation ${decimal(run.crossValidation.spread)}, ${run.crossValidation.folds} folds\n`}
## Training Data
- **Size**: ${whole(rows)} samples (${run.splits.map(({ split, labels }) => `${split} ${whole(labels.length)}`).join(', ')})
- **Fraud Rate**: ${percent(frauds / rows)}
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
Isotonic regression, ${whole(run.calibration.thresholds)} thresholds from ${whole(run.calibration.rows)} rows. ${run.calibration.note}
It makes some unequal scores equal, and so ranks a little differently: on the test split the calibrated score has AUC-ROC ${decimal(test.after.auc_roc)},
AUC-PR ${decimal(test.after.auc_pr)} and precision at 10% recall ${decimal(test.after.precision_at_10pct_recall)}. The booster's probability has calibration error ${decimal(test.before.calibration_error)} there.

Reliability on the test split: a calibrated score should be the share of frauds among the applications that have it.

| Score | Applications | Mean score | Share of frauds |
|---|---:|---:|---:|
${reliability(test.labels, test.calibrated)
  .map(
    ({ lower, upper, count, meanScore, positiveRate }) =>
      `| ${lower.toFixed(1)} to ${upper.toFixed(1)} | ${whole(count)} | ${count > 0 ? decimal(meanScore) : ''} | ${count > 0 ? decimal(positiveRate) : ''} |`,
  )
  .join('\n')}

## Decision Threshold
A calibrated score of at least ${decimal(run.threshold)} has the highest F1 on the validation split. On the test split it flags ${percent(table.flagged)} of the
applications; ${percent(table.precision)} of these are fraud, and they are ${percent(table.recall)} of all frauds.

## Limitations
${limitations(run)
  .map((line) => `- ${line}`)
  .join('\n')}
`;
}

function limitations(run: TrainingRun): string[] {
  const test = splitOf(run, 'test');
  const sparse = reliability(test.labels, test.calibrated).filter(({ count }) => count < 30);
  const [before, after] = [test.before.calibration_error, test.after.calibration_error];
  const lines = ['May not generalize to new fraud patterns', 'Requires feature drift monitoring'];
  if (run.data.synthetic) lines.unshift('Trained on synthetic data');
  if (after > before) {
    lines.push(
      `Calibration made the calibration error on the test split worse: ${decimal(before)} for the booster's probability, ${decimal(after)} for the calibrated score`,
    );
  }
  if (sparse.length > 0) {
    lines.push(
      `Calibration is poorly supported where scores are rare: ${sparse.length} of the 10 score bins above hold fewer than 30 test applications`,
    );
  }
  lines.push(`The test split holds ${whole(test.frauds)} frauds: its metrics carry that much sampling error`);
  if (run.importance.some(({ feature, gain }) => feature === 'age' && gain > 0)) {
    lines.push("Uses the applicant's age: check fairness and the law that applies before scores decide alone");
  }
  return lines;
}
