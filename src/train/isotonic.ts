/** Fits isotonic calibrators, bit for bit as scikit-learn does. */
import type { IsotonicCalibrator } from '../artifact/calibrator.js';
import { LightscoreError } from '../errors.js';

/** scikit-learn's tolerance: `np.finfo(np.float64).resolution`. */
const SAME_X = 1e-15;

/** The rows to fit a calibrator on. */
export interface IsotonicRows {
  /** n finite scores in any order; probabilities, where the served calibrator is applied to probabilities. */
  readonly scores: ArrayLike<number>;
  /** n finite targets, usually 0 or 1. */
  readonly labels: ArrayLike<number>;
  /** n finite weights, none negative; 1 by default. A row of weight 0 is ignored. */
  readonly weights?: ArrayLike<number> | undefined;
}

interface Points {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly weight: Float64Array;
}

/**
 * Fits an increasing isotonic calibrator: the non-decreasing function of `scores` with the least weighted squared error
 * to `labels`.
 *
 * Equal, bit for bit, to `IsotonicRegression(out_of_bounds='clip').fit(scores, labels, sample_weight)` of scikit-learn
 * 1.4 and later with scipy 1.12 and later on float64 input (earlier ones pool in another order, which may change the
 * last bit of a threshold). `x` and `y` of the result are `X_thresholds_` and `y_thresholds_`.
 *
 * @throws LightscoreError DATA_INVALID for lengths that differ, a number that is not finite, or no row with a weight
 * @see sklearn/isotonic.py `_build_y`, sklearn/_isotonic.pyx `_make_unique`, and F. Busing, "Monotone Regression: A
 * Simple and Fast O(n) PAVA Implementation", Journal of Statistical Software 102 (2022), which scipy follows
 */
export function fitIsotonic(rows: IsotonicRows): IsotonicCalibrator {
  const points = mergeEqualX(sortedPoints(rows));
  const fitted = poolAdjacentViolators(points.y, points.weight);
  return trimPlateaus(points.x, fitted);
}

function sortedPoints({ scores, labels, weights }: IsotonicRows): Points {
  if (labels.length !== scores.length || (weights !== undefined && weights.length !== scores.length)) {
    throw new LightscoreError('DATA_INVALID', 'isotonic calibration: scores, labels and weights differ in length');
  }
  const rows: number[] = [];
  for (let row = 0; row < scores.length; row++) {
    const weight = weights === undefined ? 1 : weights[row];
    if (!Number.isFinite(scores[row]) || !Number.isFinite(labels[row]) || !Number.isFinite(weight) || weight < 0) {
      throw new LightscoreError(
        'DATA_INVALID',
        `isotonic calibration: row ${row + 1} has a score, label or weight that is not a finite number, ` +
          'or a negative weight',
      );
    }
    if (weight > 0) rows.push(row);
  }
  if (rows.length === 0) throw new LightscoreError('DATA_INVALID', 'isotonic calibration: no row has a weight above 0');
  // By x, then y, then position (the sort is stable): the order of the sums below, and so their last bits, follow it.
  rows.sort((a, b) => scores[a] - scores[b] || labels[a] - labels[b]);
  return {
    x: Float64Array.from(rows, (row) => scores[row]),
    y: Float64Array.from(rows, (row) => labels[row]),
    weight: Float64Array.from(rows, (row) => (weights === undefined ? 1 : weights[row])),
  };
}

/**
 * Replaces points whose x is within the tolerance of the first of their group by one, at that first x, with their mean
 * and total weight.
 */
function mergeEqualX({ x, y, weight }: Points): Points {
  const merged = { x: new Float64Array(x.length), y: new Float64Array(x.length), weight: new Float64Array(x.length) };
  let groups = 0;
  let start = 0;
  while (start < x.length) {
    let sum = 0;
    let total = 0;
    let end = start;
    for (; end < x.length && !(x[end] - x[start] >= SAME_X); end++) {
      sum += y[end] * weight[end];
      total += weight[end];
    }
    merged.x[groups] = x[start];
    merged.y[groups] = sum / total;
    merged.weight[groups] = total;
    groups++;
    start = end;
  }
  return {
    x: merged.x.subarray(0, groups),
    y: merged.y.subarray(0, groups),
    weight: merged.weight.subarray(0, groups),
  };
}

/** The non-decreasing sequence nearest to `y`: each maximal run of violators becomes its weighted mean. Linear time. */
function poolAdjacentViolators(y: Float64Array, weight: Float64Array): Float64Array {
  const blockValue = new Float64Array(y.length);
  const blockWeight = new Float64Array(y.length);
  const blockEnd = new Int32Array(y.length);
  let blocks = 0;
  for (let i = 0; i < y.length; i++) {
    let value = y[i];
    let total = weight[i];
    if (blocks > 0 && blockValue[blocks - 1] >= value) {
      blocks--;
      let sum = blockWeight[blocks] * blockValue[blocks] + total * value;
      total += blockWeight[blocks];
      value = sum / total;
      // Adds first the violators to the right, then the blocks to the left, which is scipy's order.
      while (i + 1 < y.length && value >= y[i + 1]) {
        i++;
        sum += weight[i] * y[i];
        total += weight[i];
        value = sum / total;
      }
      while (blocks > 0 && blockValue[blocks - 1] >= value) {
        blocks--;
        sum += blockWeight[blocks] * blockValue[blocks];
        total += blockWeight[blocks];
        value = sum / total;
      }
    }
    blockValue[blocks] = value;
    blockWeight[blocks] = total;
    blockEnd[blocks] = i + 1;
    blocks++;
  }
  const fitted = new Float64Array(y.length);
  for (let block = 0, start = 0; block < blocks; start = blockEnd[block], block++)
    fitted.fill(blockValue[block], start, blockEnd[block]);
  return fitted;
}

/** Drops the inner points of each plateau: the interpolation between its two ends gives the same values. */
function trimPlateaus(x: Float64Array, y: Float64Array): IsotonicCalibrator {
  const last = y.length - 1;
  const keep = (_: number, i: number): boolean => i === 0 || i === last || y[i] !== y[i - 1] || y[i] !== y[i + 1];
  return { type: 'isotonic', input: 'probability', x: x.filter(keep), y: y.filter(keep), precision: 'float64' };
}
