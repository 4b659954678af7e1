/** The figures of README and docs are those of the committed results: `npm run figures` writes them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { figurePages } from '../loadtest/report/figure-pages.js';
import { HEADLINES, headlineTable, measurementsOf } from '../loadtest/report/headlines.js';
import { projectRoot } from './support/project.js';

const read = (file: string): string => readFileSync(join(projectRoot, file), 'utf8');

/** The formatter aligns tables and wraps paragraphs. */
const plain = (text: string): string => text.replaceAll(/-{3,}/g, '---').replaceAll(/\s+/g, ' ');

describe('npm run figures', () => {
  for (const [file, written] of Object.entries(figurePages(read)))
    test(`would leave ${file} as it is`, () => assert.equal(plain(read(file)), plain(written)));

  test('gives the median of all runs, and their range', () => {
    const [headline] = HEADLINES;
    const run = (value: number) => ({
      when: '2026-01-01T00:00:00.000Z',
      machine: 'a machine',
      quick: false,
      sections: [
        {
          id: headline.section,
          title: '',
          about: '',
          tables: [],
          figures: [],
          targets: [{ what: headline.target, value, bound: 'at least' as const, goal: 1 }],
        },
      ],
    });
    const measurements = measurementsOf([run(9), run(4), run(5)]);
    assert.deepEqual(measurements, [{ ...headline, values: [9, 4, 5] }]);
    assert.match(headlineTable(measurements), /\| 5x \| 4 to 9 in 3 runs \| `npm run bench -- --only kernel` \|/);
  });
});
