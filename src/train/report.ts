/**
 * Writes `report.html`. The texts here are part of published artifacts: rewording them changes the bytes that training
 * reproduces.
 */
import { Charts, COLOUR } from './charts.js';
import { type Confusion, type Metrics, confusion, MIN_BIN_ROWS, rank } from './evaluation.js';
import { decimal, percent, whole } from './figures.js';
import { type SplitEvaluation, type TrainingRun, splitOf } from './run.js';
import { calibrationVerdict, fewFraudsNote, rankingLoss } from './verdict.js';
import { escapeHtml, scrollShadow } from '../html.js';

const METRICS: readonly { readonly key: keyof Metrics; readonly name: string; readonly about: string }[] = [
  { key: 'auc_roc', name: 'AUC-ROC', about: 'chance that a fraud scores above a legitimate application' },
  { key: 'auc_pr', name: 'AUC-PR', about: 'mean precision over all recalls' },
  {
    key: 'precision_at_10pct_recall',
    name: 'Precision at 10% recall',
    about: 'frauds among the flagged when 10% of frauds are found',
  },
  {
    key: 'calibration_error',
    name: 'Calibration error',
    about: 'mean distance of score and fraud share, ten equal-width bins',
  },
  { key: 'log_loss', name: 'Log loss', about: 'nats a row' },
  { key: 'brier', name: 'Brier score', about: 'mean squared error' },
];

/** The figures at the top, and whether more of it is better. */
const HEADLINE: readonly { readonly key: keyof Metrics; readonly name: string; readonly moreIsBetter: boolean }[] = [
  { key: 'auc_roc', name: 'AUC-ROC', moreIsBetter: true },
  { key: 'auc_pr', name: 'AUC-PR', moreIsBetter: true },
  { key: 'log_loss', name: 'Log loss', moreIsBetter: false },
  { key: 'calibration_error', name: 'Calibration error', moreIsBetter: false },
];

const FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
const EXACT_COLOURS = 'print-color-adjust: exact; -webkit-print-color-adjust: exact;';
const SQUARE = 'display: inline-block; width: 11px; height: 11px;';
const STYLE = `
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #eef1f4; color: #1f2933; font: 14px/1.5 ${FONTS}; }
main { max-width: 1100px; margin: 0 auto; padding: 32px 36px 40px; background: #fff; }
h1 { margin: 0 0 4px; font-size: 26px; line-height: 1.25; }
h2 { margin: 36px 0 8px; padding-bottom: 5px; border-bottom: 2px solid #e3e8ed; font-size: 18px; }
h3 { margin: 0; font-size: 15px; }
p { margin: 4px 0; }
.quiet { color: #52606d; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin: 22px 0 8px; }
.tile { padding: 12px 16px; border: 1px solid #d9e0e6; border-radius: 8px; }
.tile b { display: block; font-size: 28px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile small { display: block; color: #52606d; }
.better { color: #00664a; font-weight: 600; }
.worse { color: #a84300; font-weight: 600; }
.verdict { margin: 10px 0; padding: 10px 14px; border-left: 4px solid #0072B2; background: #eaf3f9; }
.verdict.warning { border-color: #D55E00; background: #fbece3; }
.scroll { overflow-x: auto; ${scrollShadow({ axis: 'x', surface: '#fff', shade: 'rgb(31 41 51 / 25%)' })} }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 30px 32px; align-items: start; }
figure { margin: 0; break-inside: avoid; }
figcaption { margin-bottom: 8px; color: #52606d; font-size: 13px; }
figcaption h3 { color: #1f2933; }
figure svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px; border-bottom: 1px solid #e3e8ed; text-align: right; }
th { font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
.full { width: 100%; }
.group td { padding-top: 12px; color: #52606d; font-weight: 600; }
.confusion td, .confusion th { padding: 10px 14px; text-align: center; border: 1px solid #d9e0e6; }
.confusion .right { background: #e6f1f8; }
.confusion .wrong { background: #fbece3; }
.confusion b { display: block; font-size: 20px; }
.key { ${SQUARE} margin: 0 4px 0 8px; border-radius: 2px; vertical-align: -1px; }
.key:first-of-type { margin-left: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 8px 0; }
dt { color: #52606d; }
dd { margin: 0; overflow-wrap: anywhere; }
@media screen and (max-width: 820px) {
  .figures { grid-template-columns: minmax(0, 1fr); }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  main { padding: 20px; }
}
@page { size: A4; margin: 12mm; }
@media print {
  body { background: #fff; font-size: 11px; line-height: 1.35; ${EXACT_COLOURS} }
  main { max-width: none; padding: 0 2px; }
  h2 { margin-top: 20px; break-after: avoid; font-size: 15px; }
  h3, figcaption { font-size: 11px; }
  th, td { padding: 2px 6px; }
  .figures { gap: 14px 24px; }
  .group td { padding-top: 5px; }
}
`;

/**
 * The report of a training run as one HTML page without external assets, to be reviewed and signed off: curves,
 * reliability before and after calibration, scores by class, importance, the confusion table at the chosen threshold,
 * all on the test split. The same run gives the same bytes.
 *
 * @throws LightscoreError NATIVE_UNAVAILABLE where the plotting library is not installed
 */
export async function renderReport(run: TrainingRun): Promise<string> {
  const charts = await Charts.open();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Training report: model ${escapeHtml(run.version)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Fraud model ${escapeHtml(run.version)}: training report</h1>
${introduction(run)}
<h2>What is served</h2>
${verdict(run)}
<section class="tiles">
${HEADLINE.map((each) => tile(run, each)).join('\n')}
</section>
<h2>How well it separates</h2>
<section class="figures">
${separation(run, charts)}
</section>
<h2>Whether the score is a probability</h2>
${reliabilityNote()}
<section class="figures">
${reliabilityFigures(splitOf(run, 'test'), charts)}
</section>
${calibrationNote(run)}
<h2>What it looks at</h2>
<section class="figures">
${importanceFigure(run, charts)}
<figure><figcaption><h3>Metrics by split</h3>A training value far above the others would mean overfitting.</figcaption>
<div class="scroll" tabindex="0" role="region" aria-label="Metrics by split">
${metricsTable(run.splits)}
</div></figure>
</section>
<h2>How it was made</h2>
${provenance(run)}
</main>
</body>
</html>
`;
}

function introduction(run: TrainingRun): string {
  const [train, test] = [splitOf(run, 'train'), splitOf(run, 'test')];
  const lightgbm = `LightGBM ${escapeHtml(run.booster.lightgbmVersion)}, ${whole(run.booster.rounds)} trees`;
  const fraudRate = percent(train.frauds / train.labels.length);
  const applications = `on ${whole(train.labels.length)} applications (${fraudRate} fraud)`;
  const tested = `${whole(test.labels.length)} applications, ${whole(test.frauds)} frauds`;
  return [
    `<p class="quiet">Trained ${escapeHtml(run.trainedAt.slice(0, 10))} with ${lightgbm}, ${applications}.`,
    `All figures are of the test split: ${tested}, none of them seen in training or calibration.</p>`,
    run.data.synthetic ? '<p class="quiet">The applications are synthetic.</p>' : '',
  ].join('\n');
}

/** What calibration did, as a sentence or two; a warning where it did harm. */
function verdict(run: TrainingRun): string {
  const { worse, sentence } = calibrationVerdict(run);
  const sentences = [sentence, rankingLoss(splitOf(run, 'test')), fewFraudsNote(run)].filter(
    (text) => text !== undefined,
  );
  const lead = worse ? '<strong>Warning:</strong> ' : '';
  return [
    '<p>The score that a server answers with is the calibrated one; ' +
      "before calibration it is the booster's probability.</p>",
    `<p class="verdict${worse ? ' warning' : ''}">${lead}${escapeHtml(sentences.join(' '))}</p>`,
  ].join('\n');
}

function tile(run: TrainingRun, { key, name, moreIsBetter }: (typeof HEADLINE)[number]): string {
  const { before, after } = splitOf(run, 'test');
  const [was, is] = [decimal(before[key]), decimal(after[key])];
  const change = Number(is) - Number(was);
  const judged = change === 0 ? 'same' : change > 0 === moreIsBetter ? 'better' : 'worse';
  const relation = change === 0 ? 'as' : `${judged} than`;
  const comparison = `<span class="${judged}">${relation}</span> before calibration (${was})`;
  const others = (['validation', 'train'] as const).map(
    (split) => `${split} ${decimal(splitOf(run, split).after[key])}`,
  );
  return `<div class="tile">${name}<b>${is}</b>${comparison}<small>${others.join(', ')}</small></div>`;
}

function separation(run: TrainingRun, charts: Charts): string {
  const test = splitOf(run, 'test');
  const rankings = { served: rank(test.labels, test.calibrated), booster: rank(test.labels, test.uncalibrated) };
  const threshold = `A calibrated score of ${decimal(run.threshold)} or more is flagged`;
  const lines = (what: string, key: 'auc_roc' | 'auc_pr'): string =>
    `${colourKey(COLOUR.served)}as served, ${what} ${decimal(test.after[key])} ` +
    `${colourKey(COLOUR.booster)}before calibration, ${decimal(test.before[key])}; dashed: flagging at random.`;
  return [
    figure({ title: 'ROC curve', caption: lines('area', 'auc_roc'), svg: charts.roc(rankings) }),
    figure({
      title: 'Precision-recall curve',
      caption: lines('average precision', 'auc_pr'),
      svg: charts.precisionRecall(rankings),
    }),
    figure({
      title: 'Scores by class',
      caption:
        `Each class's bars add up to 100%. ${colourKey(COLOUR.legitimate)}legitimate ` +
        `${colourKey(COLOUR.fraud)}fraud`,
      svg: charts.scoreDistribution(test, run.threshold),
    }),
    figure({
      title: 'At the chosen threshold',
      caption: `${threshold}: the highest F1 on the validation split.`,
      svg: confusionTable(confusion(rankings.served, run.threshold)),
    }),
  ].join('\n');
}

function colourKey(colour: string): string {
  return `<span class="key" style="background:${colour}"></span>`;
}

function reliabilityNote(): string {
  return (
    '<p class="quiet">On the dashed line, a score of 30% means that 30% are fraud. Bars are 95% intervals, ' +
    `numbers the applications in the bin; bins of fewer than ${MIN_BIN_ROWS} are joined with their neighbours. ` +
    'The calibration error is the mean distance from the line, over ten bins of equal width.</p>'
  );
}

function reliabilityFigures(test: SplitEvaluation, charts: Charts): string {
  const stage = (title: string, scores: Float64Array, { calibration_error: error }: Metrics): string =>
    figure({
      title,
      caption: `Calibration error ${decimal(error)}.`,
      svg: charts.reliability(title, test.labels, scores),
    });
  return [
    stage('Reliability before calibration', test.uncalibrated, test.before),
    stage('Reliability as served', test.calibrated, test.after),
  ].join('\n');
}

function calibrationNote({ calibration }: TrainingRun): string {
  const rows = `${whole(calibration.rows)} rows with ${whole(calibration.frauds)} frauds`;
  const size = `${whole(calibration.thresholds)} thresholds from ${rows}`;
  return `<p class="quiet">Isotonic regression, ${size}. ${escapeHtml(calibration.note)}</p>`;
}

function importanceFigure(run: TrainingRun, charts: Charts): string {
  return figure({
    title: 'Feature importance',
    caption: 'By gain: how much the splits on a feature reduced the training loss.',
    svg: charts.importance(run),
  });
}

interface Figure {
  readonly title: string;
  /** HTML. */
  readonly caption: string;
  /** HTML. */
  readonly svg: string;
}

function figure({ title, caption, svg }: Figure): string {
  return `<figure><figcaption><h3>${title}</h3>${caption}</figcaption>\n${svg}</figure>`;
}

function confusionTable(table: Confusion): string {
  const found = confusionCell('right', table.truePositives, 'found');
  const missed = confusionCell('wrong', table.falseNegatives, 'missed');
  const falseAlarms = confusionCell('wrong', table.falsePositives, 'false alarms');
  const passed = confusionCell('right', table.trueNegatives, 'rightly passed');
  return `<table class="confusion full">
<tr><th></th><th>flagged</th><th>passed</th></tr>
<tr><th>fraud</th>${found}${missed}</tr>
<tr><th>legitimate</th>${falseAlarms}${passed}</tr>
</table>
<dl>
<dt>Precision</dt><dd>${percent(table.precision)} of the flagged are fraud</dd>
<dt>Recall</dt><dd>${percent(table.recall)} of the frauds are flagged</dd>
<dt>F1</dt><dd>${decimal(table.f1)}</dd>
<dt>Workload</dt><dd>${percent(table.flagged)} of all applications are flagged</dd>
</dl>`;
}

function confusionCell(kind: 'right' | 'wrong', count: number, what: string): string {
  return `<td class="${kind}"><b>${whole(count)}</b>${what}</td>`;
}

function metricsTable(splits: readonly SplitEvaluation[]): string {
  const cells = (text: (split: SplitEvaluation) => string): string =>
    splits.map((split) => `<td>${text(split)}</td>`).join('');
  const head = `<tr><th></th>${splits.map(({ split }) => `<th>${split}</th>`).join('')}</tr>`;
  const rows = (stage: 'before' | 'after'): string =>
    METRICS.map(
      ({ key, name, about }) =>
        `<tr><td title="${about}">${name}</td>${cells((split) => decimal(split[stage][key]))}</tr>`,
    ).join('\n');
  const group = (title: string): string => `<tr class="group"><td colspan="${splits.length + 1}">${title}</td></tr>`;
  return `<table class="full">
${head}
<tr><td>Applications</td>${cells(({ labels }) => whole(labels.length))}</tr>
<tr><td>Frauds</td>${cells(({ frauds }) => whole(frauds))}</tr>
${group('Calibrated score, as served')}
${rows('after')}
${group("Before calibration: the booster's probability")}
${rows('before')}
</table>`;
}

function provenance(run: TrainingRun): string {
  const { data, booster, crossValidation } = run;
  const period = data.period === undefined ? '' : `, ${data.period}`;
  const facts: [string, string][] = [
    ['Data', `${data.location}${period}, ${percent(data.completeness)} of feature values present`],
    ['Data fingerprint', `SHA-256 ${data.fingerprint}`],
    ['Class imbalance', booster.imbalance],
  ];
  if (crossValidation !== undefined) {
    const auc = `AUC-ROC ${decimal(crossValidation.meanAuc)}`;
    const deviation = `a standard deviation of ${decimal(crossValidation.spread)}`;
    facts.push(['Cross-validation', `${crossValidation.folds} folds, ${auc} with ${deviation}`]);
  }
  facts.push([
    'LightGBM parameters',
    Object.entries(booster.parameters)
      .map(([name, value]) => `${name}=${value}`)
      .join(', '),
  ]);
  return `<dl>\n${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join('\n')}\n</dl>`;
}
