/** Confidence interval of a median, without an assumption about the distribution. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * The order statistics between which the median of the distribution lies with at least `confidence` (the sign test
 * turned around): each of n independent values is below the median with probability one half, so the number of values
 * below it is binomial.
 * @returns undefined where even the range of all values is not wide enough: for fewer than six, at 95%
 */
export function medianInterval(values: readonly number[], confidence = 0.95): Interval | undefined {
  const count = values.length;
  const sorted = values.toSorted((a, b) => a - b);
  // The probability that the median is below the value at `rank`, 0 being the least; it is as probable that the median
  // is above the value at the same rank from the other end.
  let outside = 0.5 ** count;
  let rank = -1;
  for (let ways = outside; 2 * outside <= 1 - confidence;) {
    rank++;
    ways *= (count - rank) / (rank + 1);
    outside += ways;
  }
  return rank < 0 ? undefined : { low: sorted[rank], high: sorted[count - 1 - rank] };
}
