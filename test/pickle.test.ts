/** Calibrators that scikit-learn 1.0 to 1.9 wrote, against its own results. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { calibrate } from '../src/artifact/calibrator.js';
import { readPickledCalibrator } from '../src/artifact/scikit-learn.js';
import { ArtifactError } from '../src/errors.js';
import { projectRoot } from './support/project.js';

interface Expected {
  answers: Record<string, { dtype: string; x: number[]; y: number[]; p: number[]; calibrated: number[] }>;
  files: Record<string, { answers: string; sklearn: string; numpy: string }>;
}

const folder = join(projectRoot, 'test/data/pickles');
const expected: Expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
const pickles = readdirSync(folder).filter((name) => name.endsWith('.pkl'));

test('every pickle of scikit-learn 1.0 to 1.9 has an expectation', () => {
  assert.deepEqual(
    Object.keys(expected.files).toSorted(),
    pickles.filter((name) => !name.startsWith('refused-')).toSorted(),
  );
});

for (const [file, { answers, sklearn, numpy }] of Object.entries(expected.files)) {
  test(`${file} (scikit-learn ${sklearn}, numpy ${numpy}) calibrates bit for bit`, () => {
    const calibrator = readPickledCalibrator(readFileSync(join(folder, file)), file);
    const { dtype, x, y, p, calibrated } = expected.answers[answers];
    assert(calibrator.type === 'isotonic');
    assert.equal(calibrator.precision, dtype);
    assert.deepEqual([...calibrator.x], x);
    assert.deepEqual([...calibrator.y], y);
    assert.deepEqual(
      p.map((value) => calibrate(calibrator, value)),
      calibrated,
    );
  });
}

const refusals: Record<string, RegExp> = {
  'refused-nan.pkl':
    /^refused-nan\.pkl: has out_of_bounds='nan'.*: set calibrator\.out_of_bounds = 'clip' and dump it again$/,
  'refused-raise.pkl': /^refused-raise\.pkl: has out_of_bounds='raise'/,
  'refused-unfitted.pkl':
    /^refused-unfitted\.pkl: holds an IsotonicRegression without X_thresholds_: it was never fitted/,
  'refused-array.pkl': /^refused-array\.pkl: holds no calibrator that can be read: dump the fitted Isotonic/,
};

for (const file of pickles.filter((name) => name.startsWith('refused-'))) {
  test(`${file} is refused with its reason`, () => {
    assert.throws(
      () => readPickledCalibrator(readFileSync(join(folder, file)), file),
      (error) => {
        assert(error instanceof ArtifactError);
        assert.match(error.message, refusals[file]);
        return true;
      },
    );
  });
}
