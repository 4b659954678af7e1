/** The pages that hold figures, with what is between their marks written anew from the committed results. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import { drawHeadlines } from './headline-chart.js';
import { headlineTable, measurementsOf } from './headlines.js';
import type { BenchmarkRun } from './markdown.js';
import { missedAims } from './missed-aims.js';

const RESULTS = 'docs/performance/results';
const PERFORMANCE = 'docs/performance/README.md';
const CHART = 'docs/performance/figures.svg';

interface Result {
  /** The file's name. */
  readonly name: string;
  readonly run: BenchmarkRun;
}

/** Puts `text` between `<!-- name: ... -->` and `<!-- end of name -->`. */
function fill(page: string, name: string, text: string): string {
  const marks = new RegExp(`(<!-- ${name}: [^>]*-->)[^]*?(<!-- end of ${name} -->)`);
  if (!marks.test(page)) throw new Error(`the page has no place for ${name}`);
  return page.replace(marks, (_, begin: string, end: string) => `${begin}\n\n${text.trim()}\n\n${end}`);
}

/** The sections that the runs hold, each once. */
const sectionsOf = (results: readonly Result[]): string[] => [
  ...new Set(results.flatMap(({ run }) => run.sections.map(({ id }) => id))),
];

/** The statement below a table: what measured it, and where its raw results are. */
function measuredBy(results: readonly Result[], folder: string): string {
  const links = results.map(({ name }) => `[${name.replace('.json', '')}](${folder}/${name})`);
  const machines = [...new Set(results.map(({ run }) => run.machine.replace(/, load average.*/, '')))];
  const quick = results.every(({ run }) => run.quick) ? '--quick ' : '';
  return (
    `Measured by \`npm run bench -- ${quick}--only ${sectionsOf(results).join(',')}\`, generator and server on ` +
    `one machine (${machines.join('; ')}); raw results: ${links.join(', ')}.`
  );
}

const ALT = 'Bars: how many times as fast Lightscore is, with the range over runs; the table below has the numbers.';

function resultTable(results: readonly Result[]): string {
  const rows = results.map(({ name, run }) => {
    const kind = run.quick ? 'quick' : 'full';
    const sections = run.sections.map(({ id }) => id).join(', ');
    return `| [${name}](${name}) | ${run.when.slice(0, 10)} | ${run.machine} | ${kind}: ${sections} |\n`;
  });
  return `| file | date | machine | run |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

/**
 * @param read gives the text of a file of the repository
 * @returns the whole text of each page and of the chart, by file
 */
export function figurePages(read: (file: string) => string): Record<string, string> {
  const results = readdirSync(join(projectRoot, RESULTS))
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name): Result => ({ name, run: JSON.parse(read(`${RESULTS}/${name}`)) }));
  const measurements = measurementsOf(results.map(({ run }) => run));
  const first = measurements.filter((measurement) => measurement.first);
  const shap = measurements.filter(({ section }) => section === 'explain');
  const chartIn = (path: string): string => `![${ALT}](${path})`;
  const place = (page: string, name: string, text: string): string => fill(read(page), name, text);
  return {
    'README.md': place(
      'README.md',
      'figures',
      `${chartIn(CHART)}\n\n${headlineTable(first)}\n${measuredBy(results, RESULTS)}`,
    ),
    [PERFORMANCE]: fill(
      place(
        PERFORMANCE,
        'figures',
        `${chartIn('figures.svg')}\n\n${headlineTable(measurements)}\n${measuredBy(results, 'results')}`,
      ),
      'missed aims',
      missedAims(results.map(({ run }) => run)),
    ),
    'docs/performance/results/README.md': place('docs/performance/results/README.md', 'results', resultTable(results)),
    'docs/guides/explanations.md': place(
      'docs/guides/explanations.md',
      'shap figures',
      shap.length === 0 ? '' : `${headlineTable(shap)}\n${measuredBy(results, '../performance/results')}`,
    ),
    [CHART]: drawHeadlines(measurements),
  };
}
