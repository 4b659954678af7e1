/** Measurements of this commit and another, in pairs. */
import { median } from '../report/section.js';
import { type Interval, medianInterval } from './median-interval.js';

/** One figure of both commits, measured side by side. */
export interface Pair {
  readonly own: number;
  readonly other: number;
}

export const ratios = (pairs: readonly Pair[]): number[] => pairs.map(({ own, other }) => own / other);
export const medianOf = (pairs: readonly Pair[], side: keyof Pair): number => median(pairs.map((pair) => pair[side]));

/** 95% interval of the median of the pairs' ratios. */
export const ratioInterval = (pairs: readonly Pair[]): Interval | undefined => medianInterval(ratios(pairs));

/** Width of that interval; infinite where there are too few pairs for one. */
export function intervalWidth(pairs: readonly Pair[]): number {
  const interval = ratioInterval(pairs);
  return interval === undefined ? Infinity : interval.high - interval.low;
}
