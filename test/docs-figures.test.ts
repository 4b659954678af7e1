/** Every measured figure of the documentation names its command, and the headline its raw results. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { type Page, type Paragraph, readPages } from './support/docs/pages.js';
import { projectRoot } from './support/project.js';

const RESULTS = 'docs/performance/results';
/** Pages that have measured figures. */
const pages = readPages().filter(({ path }) => path === 'README.md' || path.startsWith('docs/performance/'));

/** A number with a unit of measurement. */
const FIGURE = /\d ?(x|×|ns|us|µs|ms|s|KiB|MiB|GiB|MB|%|million|a second|\/s)(?![\w])/;
/** In code, a program that measures. */
const COMMAND = /`(npm run|npm test|node|k6|lightscore|wrk|perf|python3?) ?[^`]*`/;
const STATEMENT = /^Measured by\s/;

interface FigureTable {
  readonly page: Page;
  readonly table: Paragraph;
  /** What stands directly below it. */
  readonly below: Paragraph | undefined;
}

/** The tables of a page with a figure outside of their first column and head. */
function figureTables(page: Page): readonly FigureTable[] {
  return page.paragraphs.flatMap((table, i) => {
    const rows = rowsOf(table);
    return rows.some((cells) => cells.slice(1).some((cell) => FIGURE.test(cell)))
      ? [{ page, table, below: page.paragraphs.at(i + 1) }]
      : [];
  });
}

function rowsOf({ text }: Paragraph): readonly (readonly string[])[] {
  const [head = '', , ...rows] = text.split('\n');
  if (!head.trimStart().startsWith('|')) return [];
  return rows.map((row) => row.trim().slice(1, -1).split('|'));
}

/** The files of raw results that a text links to, from the root of the checkout. */
function resultsIn(text: string, page: Page): readonly string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+\.json)\)/g)].map(([, link]) => link);
  return links.map((link) => normalize(join(dirname(page.path), link))).filter((file) => file.startsWith(RESULTS));
}

const tables = pages.flatMap(figureTables);

test('every table of figures is followed by the command that measured it', () => {
  const wrong = tables
    .filter(({ below }) => below === undefined || !STATEMENT.test(below.text) || !COMMAND.test(below.text))
    .map(({ page, table }) => `${page.path}:${table.line}`);
  assert.deepEqual(wrong, []);
});

test('each row of the README’s figures names the raw results that it is taken from', () => {
  const headline = tables.filter(({ page }) => page.path === 'README.md');
  assert(headline.length > 0, 'README.md has a table of figures');
  for (const { page, table, below } of headline) {
    const common = resultsIn(below?.text ?? '', page);
    const rows = table.text.split('\n').slice(2);
    for (const row of rows) {
      const files = [...resultsIn(row, page), ...common];
      assert(files.length > 0, `no raw results are named for ${row}`);
      for (const file of files) assert(existsSync(join(projectRoot, file)), `${file} does not exist`);
    }
  }
});

test('raw results say when, where, of which commit and by which command, and a page names them', () => {
  const files = readdirSync(join(projectRoot, RESULTS)).filter((name) => name.endsWith('.json'));
  assert(files.length > 0);
  const named = new Set(pages.flatMap((page) => page.paragraphs.flatMap(({ text }) => resultsIn(text, page))));
  for (const name of files) {
    const run: Readonly<Record<string, unknown>> = JSON.parse(readFileSync(join(projectRoot, RESULTS, name), 'utf8'));
    const when = String(run['when']);
    assert.equal(new Date(when).toISOString(), when, name);
    assert(name.startsWith(when.slice(0, 10)), `${name} does not begin with its date, ${when.slice(0, 10)}`);
    for (const field of ['machine', 'commit', 'command'])
      assert(typeof run[field] === 'string' && run[field] !== '', `${name} does not say its ${field}`);
    assert.match(String(run['command']), /^(npm run|node|k6) /, name);
    assert(named.has(`${RESULTS}/${name}`), `no page names ${name}`);
  }
});
