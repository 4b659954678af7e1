/** What a change may add to the cost of a request and to a start, and whether it stays within that. */
import type { Interval } from './median-interval.js';

/** Largest ratios of this commit to the other. */
export interface Allowance {
  /** CPU of a request with wrk's headers. */
  readonly plain: number;
  /** CPU of a request with those and a proxy's. */
  readonly proxied: number;
  /** Start to ready. */
  readonly start: number;
}

/** The commit that all changes together are measured against. */
export const BASE_COMMIT = '2000680b5103664ecdc9c815293b30d07af76100';
export const BASE_ALLOWANCE: Allowance = { plain: 1.08, proxied: 1.2, start: 1.1 };
/** From the first commit of a piece of work to its last, unless `--allow` says otherwise. */
export const STEP_ALLOWANCE: Allowance = { plain: 1.04, proxied: 1.1, start: 1.05 };

/** @param percents two numbers with a comma between them, as of `--allow`; undefined where it is not that */
export function readAllowance(percents: string): Allowance | undefined {
  const match = /^(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)$/.exec(percents);
  if (match === null) return undefined;
  return { ...STEP_ALLOWANCE, plain: 1 + Number(match[1]) / 100, proxied: 1 + Number(match[2]) / 100 };
}

/** In words, with what the interval leaves open. */
export function verdict(ratio: number, interval: Interval | undefined, limit: number): string {
  if (ratio <= limit)
    return interval !== undefined && interval.high > limit ? 'yes, but the interval passes it' : 'yes';
  return interval !== undefined && interval.low <= limit ? 'no, but the interval begins below it' : 'no';
}
