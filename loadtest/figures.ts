/**
 * `npm run figures`: writes the tables of figures into README.md and docs/performance, and draws their chart, from all
 * runs of docs/performance/results. A test fails where they do not agree.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../test/support/project.js';
import { figurePages } from './report/figure-pages.js';

for (const [file, text] of Object.entries(figurePages((path) => readFileSync(join(projectRoot, path), 'utf8')))) {
  writeFileSync(join(projectRoot, file), text);
  process.stdout.write(`${file}\n`);
}
