/**
 * Turns raw scores into results: LightGBM's ConvertOutput, scikit-learn's isotonic calibration, and the ranking of
 * features by |value * importance|.
 */
import {
  HEADER_AVERAGE_DIVISOR,
  CALIBRATOR_ISOTONIC64,
  CALIBRATOR_NONE,
  CALIBRATOR_SIGMOID,
  HEADER_CALIBRATOR,
  HEADER_CALIBRATOR_A,
  HEADER_CALIBRATOR_B,
  HEADER_CALIBRATOR_COUNT,
  HEADER_CALIBRATOR_RAW,
  HEADER_CALIBRATOR_X,
  HEADER_CALIBRATOR_Y,
  HEADER_FEATURES,
  HEADER_IMPORTANCE,
  HEADER_OUTPUTS,
  HEADER_SIGMOID,
  HEADER_TRANSFORM,
  LANE_CALIBRATED,
  LANE_PREDICTION,
  LANE_RANKING,
  LANE_RAW,
  LANE_ROWS,
  RANKING_BYTES,
  TRANSFORM_EXP,
  TRANSFORM_LOG1P_EXP,
  TRANSFORM_SIGMOID,
  TRANSFORM_SIGNED_SQUARE,
  TRANSFORM_SOFTMAX,
} from './layout';
import { field } from './search';

/**
 * Applies the objective's transform. exp and log1p are musl's (AssemblyScript's NativeMath): table-driven as glibc's,
 * with the same last bit. V8's Math.exp differs.
 * @inline
 */
function transformed(transform: i32, sigmoid: f64, x: f64): f64 {
  if (transform === TRANSFORM_SIGMOID) return 1.0 / (1.0 + NativeMath.exp(-sigmoid * x));
  if (transform === TRANSFORM_EXP) return NativeMath.exp(x);
  if (transform === TRANSFORM_LOG1P_EXP) return NativeMath.log1p(NativeMath.exp(x));
  if (transform === TRANSFORM_SIGNED_SQUARE) return f64(i32(x > 0) - i32(x < 0)) * x * x;
  return x;
}

/** Computes the predictions of rows first..end from their raw scores. */
export function predict(image: usize, lane: usize, first: i32, end: i32): void {
  const outputs = field(image, HEADER_OUTPUTS);
  const transform = field(image, HEADER_TRANSFORM);
  const sigmoid = load<f64>(image + HEADER_SIGMOID);
  const divisor = load<f64>(image + HEADER_AVERAGE_DIVISOR);
  let raw = lane + load<u32>(lane + LANE_RAW) + usize((first * outputs) << 3);
  let prediction = lane + load<u32>(lane + LANE_PREDICTION) + usize((first * outputs) << 3);
  for (let row = first; row < end; row++) {
    if (transform === TRANSFORM_SOFTMAX) {
      softmax(raw, prediction, outputs, divisor);
      raw += usize(outputs) << 3;
      prediction += usize(outputs) << 3;
      continue;
    }
    for (let k = 0; k < outputs; k++, raw += 8, prediction += 8) {
      store<f64>(prediction, transformed(transform, sigmoid, load<f64>(raw) / divisor));
    }
  }
}

function softmax(raw: usize, prediction: usize, outputs: i32, divisor: f64): void {
  let top = load<f64>(raw) / divisor;
  for (let k = 1; k < outputs; k++) {
    const x = load<f64>(raw + (usize(k) << 3)) / divisor;
    if (x > top) top = x;
  }
  let sum: f64 = 0;
  for (let k = 0; k < outputs; k++) {
    const part = NativeMath.exp(load<f64>(raw + (usize(k) << 3)) / divisor - top);
    store<f64>(prediction + (usize(k) << 3), part);
    sum += part;
  }
  for (let k = 0; k < outputs; k++) {
    const at = prediction + (usize(k) << 3);
    store<f64>(at, load<f64>(at) / sum);
  }
}

/** Calibrates the predictions of rows first..end, or copies them without a calibrator. For single-output models. */
export function calibrate(image: usize, lane: usize, first: i32, end: i32): void {
  const kind = field(image, HEADER_CALIBRATOR);
  const count = field(image, HEADER_CALIBRATOR_COUNT);
  const x = image + field(image, HEADER_CALIBRATOR_X);
  const y = image + field(image, HEADER_CALIBRATOR_Y);
  const input =
    lane + (field(image, HEADER_CALIBRATOR_RAW) ? load<u32>(lane + LANE_RAW) : load<u32>(lane + LANE_PREDICTION));
  const calibrated = lane + load<u32>(lane + LANE_CALIBRATED);
  for (let row = first; row < end; row++) {
    const p = load<f64>(input + (usize(row) << 3));
    store<f64>(
      calibrated + (usize(row) << 3),
      kind === CALIBRATOR_ISOTONIC64
        ? isotonic64(x, y, count, p)
        : kind === CALIBRATOR_NONE
          ? p
          : kind === CALIBRATOR_SIGMOID
            ? platt(image, p)
            : isotonic32(x, y, count, p),
    );
  }
}

/**
 * Platt's sigmoid, with scikit-learn's signs.
 * @inline
 */
function platt(image: usize, p: f64): f64 {
  return (
    1.0 / (1.0 + NativeMath.exp(load<f64>(image + HEADER_CALIBRATOR_A) * p + load<f64>(image + HEADER_CALIBRATOR_B)))
  );
}

/**
 * Does what numpy.interp does: the last threshold at or below p starts the segment, so p on a threshold gives exactly
 * that threshold's y.
 * @inline
 */
function isotonic64(x: usize, y: usize, count: i32, p: f64): f64 {
  const last = usize(count - 1) << 3;
  if (p !== p) return p;
  if (p <= load<f64>(x)) return load<f64>(y);
  if (p >= load<f64>(x + last)) return load<f64>(y + last);
  let low = 0;
  let high = count - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (load<f64>(x + (usize(middle) << 3)) <= p) low = middle;
    else high = middle;
  }
  const at = usize(low) << 3;
  const x0 = load<f64>(x + at);
  const y0 = load<f64>(y + at);
  if (x0 === p) return y0;
  const slope = (load<f64>(y + at + 8) - y0) / (load<f64>(x + at + 8) - x0);
  return slope * (p - x0) + y0;
}

/**
 * Does what scipy's interp1d does in float32 arithmetic: p is clipped first, and a p on a threshold belongs to the
 * segment below it.
 * @inline
 */
function isotonic32(x: usize, y: usize, count: i32, p64: f64): f64 {
  if (p64 !== p64) return p64;
  if (count === 1) return load<f64>(y);
  const least = f32(load<f64>(x));
  const most = f32(load<f64>(x + (usize(count - 1) << 3)));
  const p = f32(p64) > least ? (f32(p64) < most ? f32(p64) : most) : least;
  let low = 0;
  let high = count - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (f32(load<f64>(x + (usize(middle) << 3))) < p) low = middle;
    else high = middle;
  }
  const at = usize(low) << 3;
  const x0 = f32(load<f64>(x + at));
  const y0 = f32(load<f64>(y + at));
  const slope: f32 = (f32(load<f64>(y + at + 8)) - y0) / (f32(load<f64>(x + at + 8)) - x0);
  return f64(slope * (p - x0) + y0);
}

/**
 * |value * importance|: 0 for a missing value, the largest double for an overflow.
 * @inline
 */
export function product(value: f64, importance: f64): f64 {
  const size = abs(value * importance);
  return size === size ? min(size, f64.MAX_VALUE) : 0.0;
}

/** Ranks the RANKED features with the largest |value * importance| of rows first..end; ties keep the model's order. */
export function rank(image: usize, lane: usize, first: i32, end: i32): void {
  const features = field(image, HEADER_FEATURES);
  const importance = image + field(image, HEADER_IMPORTANCE);
  let row = lane + load<u32>(lane + LANE_ROWS) + usize((first * features) << 3);
  let ranking = lane + load<u32>(lane + LANE_RANKING) + usize(first * RANKING_BYTES);
  for (let r = first; r < end; r++, row += usize(features) << 3, ranking += RANKING_BYTES) {
    let a: f64 = -1,
      b: f64 = -1,
      c: f64 = -1;
    let i = -1,
      j = -1,
      k = -1;
    for (let f = 0; f < features; f++) {
      const at = usize(f) << 3;
      const score = product(load<f64>(row + at), load<f64>(importance + at));
      if (score > c) {
        if (score > b) {
          c = b;
          k = j;
          if (score > a) {
            b = a;
            j = i;
            a = score;
            i = f;
          } else {
            b = score;
            j = f;
          }
        } else {
          c = score;
          k = f;
        }
      }
    }
    store<i32>(ranking, i);
    store<i32>(ranking, j, 4);
    store<i32>(ranking, k, 8);
  }
}
