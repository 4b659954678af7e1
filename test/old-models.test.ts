/** Models that LightGBM 2.0.12, 2.1.2 and 2.2.3 wrote: their own scores, bit for bit. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TOLERANCE, firstDifference, maxUlpsApart } from '../src/model/agreement.js';
import { parseBooster } from '../src/model/parse.js';
import { InProcessScorer } from '../src/scoring/in-process.js';
import { projectRoot } from './support/project.js';

const folder = join(projectRoot, 'test/data/old-models');
const {
  rows,
  ...expected
}: { rows: (number | null)[][] } & Record<string, { raw: number[] | number[][]; prediction: number[] | number[][] }> =
  JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
const values = Float64Array.from(rows.flat(), (value) => value ?? NaN);
const flat = (scores: number[] | number[][]): Float64Array => Float64Array.from(scores.flat());

test('every old model has an expectation', () => {
  const models = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  assert.deepEqual(Object.keys(expected).toSorted(), models.toSorted());
});

for (const [file, { raw, prediction }] of Object.entries(expected)) {
  test(`${file} scores as the LightGBM that wrote it`, () => {
    const scorer = new InProcessScorer(parseBooster(readFileSync(join(folder, file)), file));
    const scores = scorer.score(values);
    assert.equal(firstDifference(flat(raw), scores.raw), -1);
    assert(maxUlpsApart(flat(prediction), scores.prediction) <= TOLERANCE.predictionUlps);
    scorer.dispose();
  });

  test(`${file} is refused where it is cut in a tree`, () => {
    const text = readFileSync(join(folder, file), 'latin1');
    const cut = text.slice(0, text.indexOf('leaf_value', text.indexOf('Tree=2')));
    assert.throws(() => parseBooster(cut, file), /ARTIFACT|no leaf_value|truncated|too few/);
  });
}
