/** Models that LightGBM 3.3 to 4.7 and scikit-learn pickled, against what the pickled objects answer. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { calibratedScore } from '../src/artifact/calibrator.js';
import { type PickledModel, readPickledModel } from '../src/artifact/pickled-model.js';
import { decompress, isCompressed } from '../src/artifact/joblib.js';
import { readModelFile } from '../src/loading/model-file.js';
import { firstDifference } from '../src/model/agreement.js';
import { firstIterations } from '../src/model/first-iterations.js';
import { parseBooster } from '../src/model/parse.js';
import { InProcessScorer } from '../src/scoring/in-process.js';
import { projectRoot } from './support/project.js';

interface Expected {
  readonly class: string;
  readonly prediction: number[] | number[][];
  readonly raw?: number[] | number[][];
  readonly labels?: (string | number | boolean)[];
}

const folder = join(projectRoot, 'test/data/pickled-models');
const { rows, ...expected }: { rows: (number | null)[][] } & Record<string, Expected> = JSON.parse(
  readFileSync(join(folder, 'expected.json'), 'utf8'),
);
const values = Float64Array.from(rows.flat(), (value) => value ?? NaN);
const LIMIT = 2 ** 30;

function read(file: string): PickledModel {
  const bytes = readFileSync(join(folder, file));
  return readPickledModel(isCompressed(bytes) ? decompress(bytes, { maxBytes: LIMIT, of: 'a model' }) : bytes, file);
}

test('every pickled model has an expectation', () => {
  const files = readdirSync(folder).filter((name) => name.startsWith('lightgbm-'));
  assert.deepEqual(Object.keys(expected).toSorted(), files.toSorted());
});

for (const [file, { class: className, prediction, raw, labels }] of Object.entries(expected)) {
  test(`${file} is read, and answers what it answered in Python`, () => {
    const model = read(file);
    assert.equal(model.className.split('.').at(-1), className.split('.').at(-1));
    assert.deepEqual(model.classLabels, labels);
    const answers = model.boosters.map(({ modelText, bestIteration, calibrators }) => {
      const scorer = new InProcessScorer(parseBooster(firstIterations(modelText, bestIteration), file));
      const scores = scorer.score(values);
      scorer.dispose();
      if (raw !== undefined) assert.equal(firstDifference(Float64Array.from(raw.flat()), scores.raw), -1);
      return scores.prediction.map((p, i) => calibratedScore(calibrators[0], { raw: scores.raw[i], prediction: p }));
    });
    const mean = answers[0].map((_, i) => answers.reduce((sum, answer) => sum + answer[i], 0) / answers.length);
    const theirs = (prediction as (number | number[])[]).flatMap((row) =>
      Array.isArray(row) && row.length === 2 ? [row[1]] : row,
    );
    assert.equal(mean.length, theirs.length);
    for (const [i, value] of mean.entries())
      assert(
        Math.abs(value - theirs[i]) <= 1e-12 * Math.max(1, Math.abs(theirs[i])),
        `${value}, Python has ${theirs[i]}`,
      );
  });
}

for (const [file, reason] of [
  [
    'refused-pipeline.pkl',
    /is of class sklearn\.pipeline\.Pipeline, .*pipeline\[-1\]\.booster_\.save_model\("model\.txt"\)/,
  ],
  ['refused-early-stop.pkl', /holds a LGBMClassifier with pred_early_stop, whose predictions leave out trees/],
  ['refused-unfitted.pkl', /holds a LGBMClassifier that was never fitted/],
  ['refused-other.pkl', /is of class sklearn\.preprocessing\._data\.StandardScaler, which cannot be read/],
  ['refused-list.pkl', /is a pickle, but of no model: .*save_model\("model\.txt"\) writes one/],
] as const) {
  test(`${file} is refused with what to do`, () => {
    assert.throws(() => read(file), reason);
  });
}

test('a pickled model cut anywhere is refused, and one with damaged bytes is read or refused', () => {
  const files = readdirSync(folder).filter((name) => name.includes('object-labels'));
  for (const file of files) {
    const whole = readFileSync(join(folder, file));
    for (let length = 0; length < whole.length - 40; length += 41) {
      // Compressed files may be whole without their end.
      try {
        readModelFile(whole.subarray(0, length), file, LIMIT);
        assert(/xz|bz2|lzma/.test(file), `${file} of ${length} bytes was read`);
      } catch (error) {
        assert.match(String(error), /^ArtifactError: /);
      }
    }
    for (let at = 0; at < whole.length; at += 97) {
      const damaged = Buffer.from(whole);
      damaged[at] ^= 0x55;
      try {
        readModelFile(damaged, file, LIMIT);
      } catch (error) {
        assert.match(String(error), /^ArtifactError: /);
      }
    }
  }
});

test('a bomb is refused, and not expanded', () => {
  const bomb = gzipSync(Buffer.alloc(300_000_000));
  const before = process.memoryUsage().arrayBuffers;
  assert.throws(
    () => readModelFile(bomb, 'bomb.pkl', LIMIT),
    /bomb\.pkl: is larger than \d+ bytes, the limit for a model/,
  );
  assert(process.memoryUsage().arrayBuffers - before < 200_000_000);
});
