/** The report as one HTML page without external assets. */
import { drawFigure } from './charts.js';
import { type BenchmarkRun, summary, targetTable } from './markdown.js';
import type { Figure, Section, Table } from './section.js';
import { escapeHtml, scrollShadow } from '../../src/html.js';

/** Characters of a table's header up to which it stays on one line. */
const MAX_HEADER_LINE = 12;

/** The style of every page of figures. */
export const STYLE = `
:root { color-scheme: light; }
* { box-sizing: border-box; }
body {
  margin: 0; background: #eef1f4; color: #1f2933;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 1160px; margin: 0 auto; padding: 32px 36px 40px; background: #fff; }
h1 { margin: 0 0 4px; font-size: 26px; line-height: 1.25; }
h2 { margin: 40px 0 8px; padding-bottom: 5px; border-bottom: 2px solid #e3e8ed; font-size: 18px; }
h3 { margin: 0; font-size: 15px; }
p { margin: 4px 0; max-width: 85ch; }
.quiet { color: #52606d; }
.found { font-weight: 600; font-size: 16px; }
.scroll { overflow-x: auto; ${scrollShadow({ axis: 'x', surface: '#fff', shade: 'rgb(31 41 51 / 28%)' })} }
.scroll:focus-visible { outline: 3px solid #0a58ca; outline-offset: 2px; }
.wide { margin: 18px 0; }
.figures {
  display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 24px 32px; align-items: start; margin-top: 18px;
}
figure { margin: 0; break-inside: avoid; }
figcaption { margin-bottom: 8px; color: #52606d; font-size: 13px; }
figcaption h3 { color: #1f2933; }
figure svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px; border-bottom: 1px solid #e3e8ed; text-align: right; }
th, td:not(:first-child) { white-space: nowrap; }
th { font-weight: 600; font-size: 13px; vertical-align: bottom; line-height: 1.3; }
th:first-child, td:first-child { text-align: left; }
td:first-child { min-width: 8rem; }
.met { color: #00664a; font-weight: 600; }
.missed { color: #a84300; font-weight: 600; }
@media (max-width: 860px) { .figures { grid-template-columns: minmax(0, 1fr); } main { padding: 20px; } }
`;

export function writePage(run: BenchmarkRun): string {
  const targets = targetTable(run.sections);
  const subtitle = `${run.when}, ${run.machine}${run.quick ? ', quick run: fewer sizes, shorter rounds' : ''}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lightscore benchmarks</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Lightscore benchmarks</h1>
<p class="found">${escapeHtml(summary(run))}</p>
<p class="quiet">${escapeHtml(subtitle)}</p>
${targets.rows.length > 0 ? `<h2>Targets</h2>\n${table(targets)}` : ''}
${run.sections.map(section).join('\n')}
</main>
</body>
</html>
`;
}

function section({ id, title, found, about, tables, figures }: Section): string {
  return `<h2 id="${escapeHtml(id)}">${escapeHtml(title)}</h2>
${found === undefined ? '' : `<p class="found">${escapeHtml(found)}</p>`}
<p class="quiet">${escapeHtml(about)}</p>
${tables.map((each) => `<div class="wide"><h3>${escapeHtml(each.title)}</h3>\n${table(each)}</div>`).join('\n')}
${figures.length > 0 ? `<div class="figures">\n${figures.map(figure).join('\n')}\n</div>` : ''}`;
}

function figure(each: Figure): string {
  const caption = `<h3>${escapeHtml(each.title)}</h3>${escapeHtml(each.caption)}`;
  return `<figure><figcaption>${caption}</figcaption>\n${drawFigure(each)}</figure>`;
}

/** A table that scrolls by itself where it is wider than the page, and takes the focus, so that keys can scroll it. */
export function table({ title, columns, rows }: Table): string {
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(title)}"><table>
<tr>${columns.map((column) => `<th>${onTwoLines(column).map(escapeHtml).join('<br>')}</th>`).join('')}</tr>
${rows.map((row) => `<tr>${row.map(tableCell).join('')}</tr>`).join('\n')}
</table></div>`;
}

/** A header is broken by hand, into two lines of about the same length: narrow columns would break it into three. */
export function onTwoLines(header: string): string[] {
  if (header.length <= MAX_HEADER_LINE) return [header];
  const words = header.split(' ');
  const breaks = words.slice(1).map((_, i) => [words.slice(0, i + 1).join(' '), words.slice(i + 1).join(' ')]);
  const longest = (lines: readonly string[]): number => Math.max(...lines.map(({ length }) => length));
  return breaks.reduce((best, each) => (longest(each) < longest(best) ? each : best), [header]);
}

function tableCell(cell: string | number): string {
  const style = cell === 'met' || cell === 'missed' ? ` class="${cell}"` : '';
  return `<td${style}>${escapeHtml(String(cell))}</td>`;
}
