/** The isotonic calibrator: its arithmetic, and `calibrator.json` written and read. */
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  calibrate,
  calibratorFault,
  type IsotonicCalibrator,
  readCalibratorJson,
  writeCalibratorJson,
} from '../src/artifact/calibrator.js';
import { ArtifactError } from '../src/errors.js';

const FILE = 'v1.0.0/calibrator.json';
const read = (text: string): IsotonicCalibrator => {
  const calibrator = readCalibratorJson(Buffer.from(text), FILE);
  assert(calibrator?.type === 'isotonic');
  return calibrator;
};
const fields = {
  type: 'isotonic',
  dtype: 'float64',
  out_of_bounds: 'clip',
  x_thresholds: [0.1, 0.5, 0.9],
  y_thresholds: [0, 0.25, 1],
};

/** Calibrators with strictly increasing x and y in either direction, in both precisions. */
const calibrators: fc.Arbitrary<IsotonicCalibrator> = fc
  .constantFrom('float64' as const, 'float32' as const)
  .chain((precision) => {
    const value =
      precision === 'float64'
        ? fc.double({ min: -10, max: 10, noNaN: true })
        : fc.float({ min: -10, max: 10, noNaN: true });
    return fc
      .uniqueArray(value, { minLength: 1, maxLength: 20, comparator: (a, b) => a === b })
      .chain((x) =>
        fc.tuple(fc.constant(x), fc.array(value, { minLength: x.length, maxLength: x.length }), fc.boolean()),
      )
      .map(([x, y, falling]) => ({
        type: 'isotonic' as const,
        input: 'probability' as const,
        x: Float64Array.from(x).toSorted(),
        y: falling ? Float64Array.from(y).toSorted().toReversed() : Float64Array.from(y).toSorted(),
        precision,
      }))
      .filter((calibrator) => calibratorFault(calibrator) === undefined);
  });

test('a probability outside the thresholds gets the outer value', () => {
  const calibrator = read(JSON.stringify(fields));
  assert.deepEqual(
    [-Infinity, -1, 0.1, 0.9, 2, Infinity].map((p) => calibrate(calibrator, p)),
    [0, 0, 0, 1, 1, 1],
  );
  assert(Number.isNaN(calibrate(calibrator, Number.NaN)));
});

test('a float64 calibrator is exact at its thresholds and interpolated between them', () => {
  const calibrator = read(JSON.stringify(fields));
  assert.equal(calibrate(calibrator, 0.5), 0.25);
  assert.equal(calibrate(calibrator, 0.3), (0.25 / 0.4) * (0.3 - 0.1));
});

test('results stay in the range of y, up to a rounding', () => {
  fc.assert(
    fc.property(calibrators, fc.double({ noNaN: true }), (calibrator, p) => {
      const answer = calibrate(calibrator, p);
      const slack = calibrator.precision === 'float64' ? 1e-14 : 1e-5;
      assert(answer >= Math.min(...calibrator.y) - slack && answer <= Math.max(...calibrator.y) + slack);
      assert.equal(calibrator.precision === 'float32' ? Math.fround(answer) : answer, answer);
    }),
  );
});

test('a calibrator that is written and read back is the same and gives the same results', () => {
  fc.assert(
    fc.property(calibrators, fc.double({ noNaN: true, min: -11, max: 11 }), (calibrator, p) => {
      const text = writeCalibratorJson(calibrator);
      const copy = read(text);
      assert.equal(copy.precision, calibrator.precision);
      assert(
        copy.x.every((value, i) => value === calibrator.x[i]) && copy.y.every((value, i) => value === calibrator.y[i]),
      );
      assert(calibrate(copy, p) === calibrate(calibrator, p));
      assert.equal(writeCalibratorJson(copy), text);
    }),
  );
});

for (const [fault, change] of Object.entries({
  'type is "platt", expected "isotonic", "sigmoid" or "none"': { type: 'platt' },
  'input is "logit", expected "probability" or "raw"': { input: 'logit' },
  'a is not a number': { type: 'sigmoid', b: 1 },
  'b is not a number': { type: 'sigmoid', a: 1, b: '1' },
  'dtype is "float16", expected "float64" or "float32"': { dtype: 'float16' },
  'dtype is missing, expected "float64" or "float32"': { dtype: undefined },
  'out_of_bounds is "nan", expected "clip"': { out_of_bounds: 'nan' },
  'x_thresholds is not an array of numbers': { x_thresholds: '0.1' },
  'x_thresholds[1] is not a number': { x_thresholds: [0.1, '0.5', 0.9] },
  'y_thresholds[2] is not a number': { y_thresholds: [0, 0.25, null] },
  'there are 3 x thresholds but 2 y thresholds': { y_thresholds: [0, 1] },
  'there are no thresholds': { x_thresholds: [], y_thresholds: [] },
  'the x thresholds do not increase at 2': { x_thresholds: [0.1, 0.5, 0.5] },
  'the y thresholds change direction at 2': { y_thresholds: [0, 0.5, 0.25] },
  'threshold 0 is not a float32': { dtype: 'float32' },
  'the slope below threshold 1 overflows': { x_thresholds: [0, 5e-324, 0.9] },
})) {
  test(`calibrator.json: ${fault}`, () => {
    assert.throws(() => read(JSON.stringify({ ...fields, ...change })), new ArtifactError(FILE, fault));
  });
}

test('calibrator.json: an infinite threshold is an error', () => {
  assert.throws(
    () => read(JSON.stringify(fields).replace('0.9', '1e999')),
    new ArtifactError(FILE, 'threshold 2 is not finite'),
  );
});

test('calibrator.json: a file that is not a JSON object is an error of one line', () => {
  for (const text of ['', '[]', 'null', '{"type":\n"isotonic",', '\xff\xfe']) {
    assert.throws(
      () => readCalibratorJson(Buffer.from(text, 'latin1'), FILE),
      (error) => error instanceof ArtifactError && /^v1\.0\.0\/calibrator\.json: is [^\n]+$/.test(error.message),
    );
  }
});

test('fields that a writer added are ignored', () => {
  assert.deepEqual(read(JSON.stringify({ ...fields, fitted_on: 'validation' })), read(JSON.stringify(fields)));
});
