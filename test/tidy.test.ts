/** Every file can be read in an editor of 120 columns, and begins with a sentence that says what it is for. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './support/project.js';

const MAX_COLUMNS = 120;
const FOLDERS = ['src', 'workers', 'loadtest', 'test', 'docs', 'deploy', '.github', '.ci'];
/** Data, and what a tool writes. */
const EXCEPT = /^test\/data\/|\/results\/|validators\.generated|\.(?:json|svg|html|png)$/;
const SOURCE = /\.(?:ts|mjs|js)$/;
/** A row of a Markdown table cannot be wrapped, nor can a picture or an address. */
const UNBREAKABLE = /^\s*\||^!\[|^\S*https?:\/\/\S+$/;

const files = [
  ...readdirSync(projectRoot, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !entry.name.endsWith('.tgz'))
    .map(({ name }) => name),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(projectRoot.length).replaceAll(sep, '/')),
  ).map((file) => file.replace(/^\//, '')),
].filter((file) => !EXCEPT.test(file));

const linesOf = (file: string): string[] => readFileSync(join(projectRoot, file), 'utf8').split('\n');

test('no line of source or docs is longer than 120 columns', () => {
  const long = files.flatMap((file) =>
    linesOf(file).flatMap((line, i) =>
      line.length > MAX_COLUMNS && !UNBREAKABLE.test(line) ? [`${file}:${i + 1} has ${line.length} columns`] : [],
    ),
  );
  assert.deepEqual(long, []);
});

test('every source file begins with a sentence that says what it is for', () => {
  const without = files
    .filter((file) => /^(?:src|workers|loadtest|test)\//.test(file) && SOURCE.test(file))
    .filter(
      (file) => !/^(?:#!.*\n|\/\/\/ .*\n)?(?:\/\*\*[^]*?[.:]|\/\/ \S)/.test(linesOf(file).slice(0, 12).join('\n')),
    );
  assert.deepEqual(without, []);
});
