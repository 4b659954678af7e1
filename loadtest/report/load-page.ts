/** The report of a load run as one HTML page without external assets. */
import { escapeHtml } from '../../src/html.js';
import { drawLatencies, drawRates } from './load-charts.js';
import { type LoadReport, whole } from './load-report.js';
import { COLUMNS, row } from './load-text.js';
import { STYLE, table } from './page.js';
import { type Table, isMet, short } from './section.js';

const OWN_STYLE = `
.verdict {
  max-width: none; margin: 14px 0 0; padding: 12px 16px; border-left: 5px solid #00664a; background: #eef6f2;
  font-size: 16px;
}
.verdict.failed { border-color: #a84300; background: #fbf1ea; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 10px 0; }
dt { color: #52606d; }
dd { margin: 0; max-width: 95ch; }
@media (max-width: 860px) {
  .plot svg { min-width: 720px; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: 6px; }
}
`;

/** A picture that scrolls by itself where it is wider than the page. */
const scrolling = (title: string, picture: string): string =>
  `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(title)}">${picture}</div>`;

export function writeLoadPage(report: LoadReport): string {
  const { scenario, headline, met } = report;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Load test ${escapeHtml(scenario)}</title>
<style>${STYLE}${OWN_STYLE}</style>
</head>
<body>
<main>
<h1>Load test: ${escapeHtml(scenario)}</h1>
<p class="verdict${met ? '' : ' failed'}">${escapeHtml(headline)}</p>
<h2>Limits</h2>
<div class="wide">${table(limits(report))}</div>
<h2>Over time</h2>
<div class="wide plot"><h3>Latency</h3>
<p class="quiet">Of the requests that were due in each interval of ${short(report.intervals[0].seconds)} s.
An interval with fewer than 1,000 requests has its slowest one as p99.9.</p>
${scrolling('Latency', drawLatencies(report))}</div>
<div class="wide plot"><h3>Requests</h3>
<p class="quiet">Asked as the scenario wants it, answered as it came. Where the lines are one, the server keeps up.</p>
${scrolling('Requests', drawRates(report))}</div>
<h2>${report.stages.length > 1 ? 'Stages' : 'Whole run'}</h2>
<p class="quiet">Latencies in milliseconds.</p>
<div class="wide">${table(stages(report))}</div>
<h2>What was measured, and how</h2>
<dl>${facts(report)
    .map(([term, text]) => `<dt>${escapeHtml(term)}</dt><dd>${escapeHtml(text)}</dd>`)
    .join('\n')}</dl>
</main>
</body>
</html>
`;
}

function limits({ targets }: LoadReport): Table {
  return {
    title: 'Limits',
    columns: ['what', 'measured', 'limit', ''],
    rows: targets.map((target) => [
      target.what,
      short(target.value),
      `${target.bound} ${short(target.goal)}`,
      isMet(target) ? 'met' : 'missed',
    ]),
  };
}

function stages({ stages: all, total }: LoadReport): Table {
  return { title: 'Stages', columns: COLUMNS, rows: [...(all.length > 1 ? all : []), total].map(row) };
}

function facts(report: LoadReport): (readonly [string, string])[] {
  const counts = (all: Readonly<Record<string, number>>): string =>
    Object.entries(all)
      .map(([name, count]) => `${name}: ${whole(count)}`)
      .join(', ');
  const optional = [
    ['Failures', counts(report.failures)],
    ['First wrong answer', report.firstFailure?.slice(0, 500) ?? ''],
    ['Answers of versions that are not known here', counts(report.unknownVersions)],
  ] as const;
  return [
    ['When', report.when],
    ['Machine', report.machine],
    ['Server', report.server],
    ['Load', `${report.about}; ${report.connections} connections; ${report.tool}`],
    ['Rows', report.rowsFrom],
    ['Checked', report.check],
    ['Right answers by version', counts(report.versions)],
    ...optional.filter(([, text]) => text !== ''),
    ['Generator', report.generator],
  ];
}
