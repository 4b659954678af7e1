/** Sigmoids of scikit-learn 1.2 and 1.9, alone and inside of other things, against its own answers. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { calibrate, readCalibratorJson, writeCalibratorJson } from '../src/artifact/calibrator.js';
import { readPickledCalibrator } from '../src/artifact/scikit-learn.js';
import { close } from './support/golden.js';
import { projectRoot } from './support/project.js';

const folder = join(projectRoot, 'test/data/sigmoids');
const expected: { inputs: number[]; files: Record<string, { type: string; calibrated: number[] }> } = JSON.parse(
  readFileSync(join(folder, 'expected.json'), 'utf8'),
);

test('every calibrator of the folder has an expectation', () => {
  const files = readdirSync(folder).filter((name) => name.startsWith('sklearn-'));
  assert.deepEqual(Object.keys(expected.files).toSorted(), files.toSorted());
});

for (const [file, { type, calibrated }] of Object.entries(expected.files)) {
  test(`${file} calibrates as scikit-learn does, and so does the calibrator.json that it becomes`, () => {
    const calibrator = readPickledCalibrator(readFileSync(join(folder, file)), file);
    assert.equal(calibrator.type, type);
    assert.equal(calibrator.input, 'probability');
    const copy = readCalibratorJson(Buffer.from(writeCalibratorJson(calibrator)), 'calibrator.json');
    assert.deepEqual(copy, calibrator);
    for (const [i, value] of expected.inputs.entries())
      assert(close(calibrate(calibrator, value), calibrated[i]), `${value}: ${calibrate(calibrator, value)}`);
  });
}

for (const [file, reason] of [
  [
    'refused-two-coefficients.pkl',
    /: holds a LogisticRegression with 2 coefficients; a calibrator has one, for the model's score$/,
  ],
  ['refused-two-calibrators.pkl', /: holds 2 calibrators; dump the one that belongs to this model$/],
  ['refused-none.pkl', /: holds no calibrator that can be read: dump the fitted .*joblib\.dump\(calibrator/],
] as const) {
  test(`${file} is refused with its reason`, () => {
    assert.throws(() => readPickledCalibrator(readFileSync(join(folder, file)), file), reason);
  });
}

test('what a pickle was fitted on is said by whoever reads it', () => {
  const [file] = Object.keys(expected.files);
  assert.equal(readPickledCalibrator(readFileSync(join(folder, file)), file, 'raw').input, 'raw');
});
