/** How close scores must come to LightGBM's own, and how their distance is measured. */

/**
 * Raw scores have the same bits or are wrong. Predictions go through `exp`, whose last bits depend on the C library.
 * Contributions are long sums, added in another order than LightGBM's.
 */
export const TOLERANCE = { predictionUlps: 2, contribution: 1e-12 } as const;

/** Index of the first element that differs in any bit (all NaN are alike), -1 where there is none. */
export const firstDifference = (expected: Float64Array, actual: Float64Array): number =>
  expected.length === actual.length
    ? expected.findIndex((value, i) => !Object.is(value, actual[i]))
    : Math.min(expected.length, actual.length);

/** The largest distance between two elements, in units in the last place; Infinity where only one is NaN. */
export function maxUlpsApart(expected: Float64Array, actual: Float64Array): number {
  if (expected.length !== actual.length) return Infinity;
  return expected.reduce((max, value, i) => Math.max(max, ulpsApart(value, actual[i])), 0);
}

const double = new Float64Array(1);
const bits = new BigInt64Array(double.buffer);

/** Units in the last place between two doubles; Infinity where only one is NaN. */
export function ulpsApart(a: number, b: number): number {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  if (Number.isNaN(a) || Number.isNaN(b)) return Infinity;
  const apart = rank(a) - rank(b);
  return Number(apart < 0n ? -apart : apart);
}

/** Rank of a double among all doubles in ascending order; 0 and -0 have the same rank. */
function rank(x: number): bigint {
  double[0] = x;
  return bits[0] < 0n ? -(bits[0] & 0x7fff_ffff_ffff_ffffn) : bits[0];
}

/**
 * The largest difference between two [rows][outputs][features + 1] lists of contributions, relative to the largest
 * contribution (or the expected value) of the row's output. A contribution is a sum over all leaves of terms of either
 * sign, so its rounding error, LightGBM's as much as ours, scales with the terms and not with their sum: a contribution
 * that cancels to almost nothing may have no correct digit relative to itself.
 */
export function contributionError(expected: Float64Array, actual: Float64Array, featureCount: number): number {
  if (expected.length !== actual.length) return Infinity;
  const width = featureCount + 1;
  let max = 0;
  for (let start = 0; start < expected.length; start += width) {
    let largest = 0;
    let apart = 0;
    for (let i = start; i < start + width; i++) {
      if (Object.is(expected[i], actual[i])) continue;
      apart = Math.max(apart, Math.abs(expected[i] - actual[i]));
    }
    for (let i = start; i < start + width; i++)
      if (Number.isFinite(expected[i])) largest = Math.max(largest, Math.abs(expected[i]));
    // A NaN on one side only counts as an infinite difference.
    if (!(apart === 0)) max = Math.max(max, Number.isNaN(apart) ? Infinity : apart / largest);
  }
  return max;
}
