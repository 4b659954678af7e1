/** The isotonic calibrator: its arithmetic, and the portable file `calibrator.json`. */
import { ArtifactError } from '../errors.js';
import { parseJsonObject } from './json.js';
import { quote } from '../quote.js';

export type Precision = 'float64' | 'float32';

/**
 * An isotonic calibrator: a monotone, piecewise linear map of the model's probability, clipped outside its thresholds.
 *
 * `x` and `y` have the same length n >= 1; `x` is strictly increasing, `y` is monotone in either direction; all are
 * finite, and with `precision` 'float32' every value is a float32.
 */
export interface IsotonicCalibrator {
  x: Float64Array;
  y: Float64Array;
  precision: Precision;
}

/**
 * The calibrated probability of `p`, bit for bit what scikit-learn's `IsotonicRegression(out_of_bounds='clip').predict`
 * answers.
 *
 * NaN gives NaN (scikit-learn refuses it). One threshold (n = 1) gives y[0] whatever `p`.
 *
 * **float64** is `numpy.interp` (numpy/core/src/multiarray/compiled_base.c, `arr_interp`):
 * p <= x[0] gives y[0]; p >= x[n-1] gives y[n-1]; else with j the largest index of x[j] <= p: p == x[j] gives y[j], and
 * otherwise `((y[j+1] - y[j]) / (x[j+1] - x[j])) * (p - x[j]) + y[j]`, every operation rounded to double, none fused.
 *
 * **float32** is scipy's `interp1d._call_linear`: p is rounded to float32 and clipped to [x[0], x[n-1]]; i is the
 * smallest index of x[i] >= p, at least 1; the answer is the same expression with j = i - 1, every operation rounded to
 * float32. So a value that meets a threshold is interpolated at the *upper* end of the segment below it, and may miss
 * y[i] by a rounding; only x[0] itself gives y[0] exactly. (scipy 1.18 changed this expression to a weighted mean,
 * which moves float32 answers by about one float32 rounding; scipy 0.17 to 1.17, and float64 in all versions, are as
 * described.)
 */
export function calibrate(calibrator: IsotonicCalibrator, p: number): number {
  const { x, y } = calibrator;
  const last = x.length - 1;
  if (Number.isNaN(p)) return p;
  if (last === 0) return y[0];
  return calibrator.precision === 'float64'
    ? interpolateFloat64(x, y, last, p)
    : interpolateFloat32(x, y, last, Math.fround(p));
}

function interpolateFloat64(x: Float64Array, y: Float64Array, last: number, p: number): number {
  if (p <= x[0]) return y[0];
  if (p >= x[last]) return y[last];
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (x[middle] <= p) low = middle;
    else high = middle;
  }
  if (x[low] === p) return y[low];
  return ((y[high] - y[low]) / (x[high] - x[low])) * (p - x[low]) + y[low];
}

function interpolateFloat32(x: Float64Array, y: Float64Array, last: number, p: number): number {
  const { fround } = Math;
  const clipped = p > x[0] ? (p < x[last] ? p : x[last]) : x[0];
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (x[middle] < clipped) low = middle;
    else high = middle;
  }
  const slope = fround(fround(y[high] - y[low]) / fround(x[high] - x[low]));
  return fround(fround(slope * fround(clipped - x[low])) + y[low]);
}

/** Why these thresholds are not an isotonic calibrator, or undefined when they are one (see IsotonicCalibrator). */
export function calibratorFault({ x, y, precision }: IsotonicCalibrator): string | undefined {
  if (x.length !== y.length) return `there are ${x.length} x thresholds but ${y.length} y thresholds`;
  if (x.length === 0) return 'there are no thresholds';
  const round = precision === 'float32' ? Math.fround : Number;
  let rises = false;
  let falls = false;
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(x[i]) || !Number.isFinite(y[i])) return `threshold ${i} is not finite`;
    if (round(x[i]) !== x[i] || round(y[i]) !== y[i]) return `threshold ${i} is not a float32`;
    if (i === 0) continue;
    if (x[i] <= x[i - 1]) return `the x thresholds do not increase at ${i}`;
    rises ||= y[i] > y[i - 1];
    falls ||= y[i] < y[i - 1];
    if (rises && falls) return `the y thresholds change direction at ${i}`;
    // Below about 1e-308 a segment can be so steep that its slope overflows, and every answer on it with it.
    if (!Number.isFinite(round(round(y[i] - y[i - 1]) / round(x[i] - x[i - 1]))))
      return `the slope below threshold ${i} overflows`;
  }
  return undefined;
}

/**
 * Reads `calibrator.json`, the portable form:
 *
 *     {"type": "isotonic", "dtype": "float64", "out_of_bounds": "clip", "x_thresholds": [...], "y_thresholds": [...]}
 *
 * `dtype` is "float64" or "float32"; other fields are ignored, so that a writer may add notes of its own.
 * @throws ArtifactError naming `file` and what is wrong with it.
 */
export function readCalibratorJson(bytes: Uint8Array, file: string): IsotonicCalibrator {
  const { value } = parseJsonObject(bytes, file);
  if (value['type'] !== 'isotonic')
    throw new ArtifactError(file, `type is ${quote(value['type'])}, expected "isotonic"`);
  const precision = value['dtype'];
  if (precision !== 'float64' && precision !== 'float32') {
    throw new ArtifactError(file, `dtype is ${quote(precision)}, expected "float64" or "float32"`);
  }
  if (value['out_of_bounds'] !== 'clip') {
    throw new ArtifactError(file, `out_of_bounds is ${quote(value['out_of_bounds'])}, expected "clip"`);
  }
  const x = thresholds(value['x_thresholds'], 'x_thresholds', file);
  const y = thresholds(value['y_thresholds'], 'y_thresholds', file);
  const calibrator: IsotonicCalibrator = { x, y, precision };
  const fault = calibratorFault(calibrator);
  if (fault !== undefined) throw new ArtifactError(file, fault);
  return calibrator;
}

function thresholds(value: unknown, name: string, file: string): Float64Array {
  if (!Array.isArray(value)) throw new ArtifactError(file, `${name} is not an array of numbers`);
  const items: unknown[] = value;
  return Float64Array.from(items, (item, i) => {
    if (typeof item !== 'number') throw new ArtifactError(file, `${name}[${i}] is not a number`);
    return item;
  });
}

/**
 * The text of `calibrator.json` for a calibrator; the same calibrator always gives the same bytes, and reading them
 * back gives the same calibrator (numbers are written with the digits that identify their double).
 * @throws ArtifactError when it is not a calibrator (see IsotonicCalibrator).
 */
export function writeCalibratorJson(calibrator: IsotonicCalibrator, file = 'calibrator.json'): string {
  const fault = calibratorFault(calibrator);
  if (fault !== undefined) throw new ArtifactError(file, fault);
  // JSON.stringify writes -0 as 0; no answer differs but in the sign of a zero, which JSON clients cannot see.
  const fields = {
    type: 'isotonic',
    dtype: calibrator.precision,
    out_of_bounds: 'clip',
    x_thresholds: [...calibrator.x],
    y_thresholds: [...calibrator.y],
  };
  return `${JSON.stringify(fields, null, 1)}\n`;
}
