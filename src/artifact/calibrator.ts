/** Calibrators: their arithmetic, and the portable file `calibrator.json`. */
import { ArtifactError } from '../errors.js';
import { type JsonObject, parseJsonObject } from './json.js';
import { quote } from '../quote.js';

export type Precision = 'float64' | 'float32';

/** What a calibrator was fitted on: the model's prediction (of a classifier its probability), or its raw score. */
export type CalibratorInput = 'probability' | 'raw';

export type Calibrator = IsotonicCalibrator | SigmoidCalibrator;

/**
 * An isotonic calibrator: a monotone, piecewise linear map, clipped outside its thresholds.
 *
 * `x` and `y` have the same length n >= 1; `x` is strictly increasing, `y` is monotone in either direction; all are
 * finite, and with `precision` 'float32' every value is a float32.
 */
export interface IsotonicCalibrator {
  readonly type: 'isotonic';
  readonly input: CalibratorInput;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly precision: Precision;
}

/** Platt's sigmoid, 1 / (1 + exp(a * input + b)), with scikit-learn's signs; both are finite. */
export interface SigmoidCalibrator {
  readonly type: 'sigmoid';
  readonly input: CalibratorInput;
  readonly a: number;
  readonly b: number;
}

/**
 * The calibrated score of `p`, the calibrator's input. Of a sigmoid it is scikit-learn's but for the last bits of
 * `exp`, of an isotonic calibrator bit for bit what `IsotonicRegression(out_of_bounds='clip').predict` answers.
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
export function calibrate(calibrator: Calibrator, p: number): number {
  if (Number.isNaN(p)) return p;
  if (calibrator.type === 'sigmoid') return 1 / (1 + Math.exp(calibrator.a * p + calibrator.b));
  const { x, y } = calibrator;
  const last = x.length - 1;
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

/** The calibrated score of a row from its raw score and its prediction, which is the answer without a calibrator. */
export function calibratedScore(
  calibrator: Calibrator | undefined,
  { raw, prediction }: { readonly raw: number; readonly prediction: number },
): number {
  return calibrator === undefined ? prediction : calibrate(calibrator, calibrator.input === 'raw' ? raw : prediction);
}

/** Why this is not a calibrator, or undefined when it is one (see IsotonicCalibrator and SigmoidCalibrator). */
export function calibratorFault(calibrator: Calibrator): string | undefined {
  if (calibrator.type === 'isotonic') return isotonicFault(calibrator);
  return Number.isFinite(calibrator.a) && Number.isFinite(calibrator.b) ? undefined : 'a or b is not finite';
}

function isotonicFault({ x, y, precision }: IsotonicCalibrator): string | undefined {
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
 * Reads `calibrator.json`, the portable form (docs/reference/artifacts.md):
 *
 *     {"type": "isotonic", "dtype": "float64", "out_of_bounds": "clip", "x_thresholds": [...], "y_thresholds": [...]}
 *     {"type": "sigmoid", "a": -5.1, "b": 2.3}
 *     {"type": "none"}
 *
 * `dtype` is "float64" or "float32"; `input`, "probability" or "raw", may stand in the first two. Other fields are
 * ignored, so that a writer may add notes of its own.
 * @param otherwise what it was fitted on where it has no `input`
 * @returns undefined where the type is "none"
 * @throws ArtifactError naming `file` and what is wrong with it.
 */
export function readCalibratorJson(
  bytes: Uint8Array,
  file: string,
  otherwise: CalibratorInput = 'probability',
): Calibrator | undefined {
  const { value } = parseJsonObject(bytes, file);
  const type = value['type'];
  if (type === 'none') return undefined;
  if (type !== 'isotonic' && type !== 'sigmoid')
    throw new ArtifactError(file, `type is ${quote(type)}, expected "isotonic", "sigmoid" or "none"`);
  const input = value['input'] ?? otherwise;
  if (input !== 'probability' && input !== 'raw')
    throw new ArtifactError(file, `input is ${quote(input)}, expected "probability" or "raw"`);
  const calibrator = type === 'isotonic' ? isotonicOf(value, input, file) : sigmoidOf(value, input, file);
  const fault = calibratorFault(calibrator);
  if (fault !== undefined) throw new ArtifactError(file, fault);
  return calibrator;
}

function isotonicOf(value: JsonObject, input: CalibratorInput, file: string): IsotonicCalibrator {
  const precision = value['dtype'];
  if (precision !== 'float64' && precision !== 'float32') {
    throw new ArtifactError(file, `dtype is ${quote(precision)}, expected "float64" or "float32"`);
  }
  if (value['out_of_bounds'] !== 'clip') {
    throw new ArtifactError(file, `out_of_bounds is ${quote(value['out_of_bounds'])}, expected "clip"`);
  }
  const x = thresholds(value['x_thresholds'], 'x_thresholds', file);
  const y = thresholds(value['y_thresholds'], 'y_thresholds', file);
  return { type: 'isotonic', input, x, y, precision };
}

function sigmoidOf(value: JsonObject, input: CalibratorInput, file: string): SigmoidCalibrator {
  const { a, b } = value;
  if (typeof a !== 'number') throw new ArtifactError(file, 'a is not a number');
  if (typeof b !== 'number') throw new ArtifactError(file, 'b is not a number');
  return { type: 'sigmoid', input, a, b };
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
 * @throws ArtifactError when it is not a calibrator.
 */
export function writeCalibratorJson(calibrator: Calibrator, file = 'calibrator.json'): string {
  const fault = calibratorFault(calibrator);
  if (fault !== undefined) throw new ArtifactError(file, fault);
  const { type, input } = calibrator;
  // JSON.stringify writes -0 as 0; no answer differs but in the sign of a zero, which JSON clients cannot see.
  const fields = {
    type,
    ...(input === 'raw' && { input }),
    ...(type === 'sigmoid'
      ? { a: calibrator.a, b: calibrator.b }
      : {
          dtype: calibrator.precision,
          out_of_bounds: 'clip',
          x_thresholds: [...calibrator.x],
          y_thresholds: [...calibrator.y],
        }),
  };
  return `${JSON.stringify(fields, null, 1)}\n`;
}
