/** metadata.json: what is read of it, and what is wrong with it in one line. */
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMetadata } from '../src/artifact/metadata.js';
import { ArtifactError } from '../src/errors.js';

const FILE = 'v1.0.0/metadata.json';
const SUM = 'ab'.repeat(32);
const fields = {
  model_version: 'v1.0.0',
  calibration_version: 'c1',
  feature_set_version: 'f1',
  feature_names: ['age', 'ltv_ratio'],
  training_metrics: { auc_roc: 0.85 },
};
const read = (value: unknown) => readMetadata(Buffer.from(JSON.stringify(value)), FILE);

test('the fields of the Python service are read, and all others are kept', () => {
  const { metadata, warnings } = read({
    ...fields,
    notes: ['x'],
    checksums: { 'lightgbm_model.txt': SUM.toUpperCase(), 'calibrator.pkl': `sha256:${SUM}` },
  });
  assert.equal(metadata.modelVersion, 'v1.0.0');
  assert.equal(metadata.calibrationVersion, 'c1');
  assert.equal(metadata.featureSetVersion, 'f1');
  assert.deepEqual(metadata.featureNames, ['age', 'ltv_ratio']);
  assert.deepEqual(
    metadata.checksums,
    new Map([
      ['lightgbm_model.txt', SUM],
      ['calibrator.pkl', SUM],
    ]),
  );
  assert.deepEqual(metadata.fields['training_metrics'], { auc_roc: 0.85 });
  assert.deepEqual(metadata.fields['notes'], ['x']);
  assert.deepEqual(warnings, []);
});

test('the version of the feature set and the checksums may be left out', () => {
  for (const absent of [undefined, null]) {
    const { metadata } = read({ ...fields, feature_set_version: absent, checksums: absent });
    assert.equal(metadata.featureSetVersion, undefined);
    assert.equal(metadata.checksums, undefined);
  }
});

test("Python's NaN and Infinity are read as null, with a warning, and left alone inside texts", () => {
  const text =
    '{"model_version": "NaN \\" NaN", "calibration_version": "c", "feature_names": ["a"], ' +
    '"auc": NaN, "low": -Infinity, "high": Infinity}';
  const { metadata, warnings } = readMetadata(Buffer.from(text), FILE);
  assert.equal(metadata.modelVersion, 'NaN " NaN');
  assert.deepEqual([metadata.fields['auc'], metadata.fields['low'], metadata.fields['high']], [null, null, null]);
  assert.deepEqual(warnings, [
    `${FILE}: contains NaN or Infinity, which are not JSON; 3 such values were read as null`,
  ]);
});

for (const [fault, change] of Object.entries({
  'model_version is missing': { model_version: undefined },
  'model_version is not a text of 1 to 256 characters': { model_version: 1 },
  'calibration_version is not a text of 1 to 256 characters': { calibration_version: ' ' },
  'feature_set_version is not a text of 1 to 256 characters': { feature_set_version: [] },
  'feature_names is missing': { feature_names: undefined },
  'feature_names is not a non-empty list of names': { feature_names: [] },
  'feature_names[1] is not a name': { feature_names: ['age', 2] },
  '"age" appears twice in feature_names': { feature_names: ['age', 'ltv_ratio', 'age'] },
  'checksums is not an object of file names and SHA-256 sums': { checksums: [] },
  'checksums names "../x", which is not a file of this folder': { checksums: { '../x': SUM } },
  'checksums gives lightgbm_model.txt no SHA-256 in hexadecimal': { checksums: { 'lightgbm_model.txt': 'md5' } },
})) {
  test(`metadata.json: ${fault}`, () => {
    assert.throws(() => read({ ...fields, ...change }), new ArtifactError(FILE, fault));
  });
}

test('metadata.json: a half-written file is an error that names it', () => {
  const whole = JSON.stringify(fields);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(
      () => readMetadata(Buffer.from(whole.slice(0, length)), FILE),
      (error) => error instanceof ArtifactError && error.file === FILE,
    );
  }
});

test('metadata.json: any bytes and any JSON give metadata or an ArtifactError of one line', () => {
  const any = fc.oneof(
    fc.uint8Array(),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({ model_version: fc.jsonValue(), feature_names: fc.jsonValue(), checksums: fc.jsonValue() })
      .map((value) => Buffer.from(JSON.stringify({ ...fields, ...value }))),
  );
  fc.assert(
    fc.property(any, (bytes) => {
      try {
        assert(readMetadata(bytes, FILE).metadata.featureNames.length > 0);
      } catch (error) {
        assert(error instanceof ArtifactError);
        assert.doesNotMatch(error.message, /\n/);
      }
    }),
    { numRuns: 500 },
  );
});
