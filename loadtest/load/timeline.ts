/** What became of the requests of a load, interval by interval. */
import { LatencyHistogram } from './latency-histogram.js';
import type { Stage } from './schedule.js';

export interface Interval {
  /** Seconds from the start of the first stage. */
  readonly start: number;
  readonly seconds: number;
  /** The number of its stage, from 0. */
  readonly stage: number;
  /** Requests that were due in this interval. */
  asked: number;
  /** Answers that arrived in it, right or wrong. */
  answered: number;
  /** Requests due in it that failed: wrong answers, lost connections, requests without an answer. */
  failed: number;
  /** Latencies of the requests that were due in it. */
  readonly latencies: LatencyHistogram;
}

/** As a thread sends it. */
export type RawInterval = Omit<Interval, 'latencies'> & { readonly counts: Float64Array };

/** Divides every stage into intervals of one length, at most `seconds` long. */
export function intervalsOf(stages: readonly Stage[], seconds: number): Interval[] {
  let start = 0;
  return stages.flatMap((stage, number) => {
    const count = Math.max(1, Math.ceil(stage.seconds / seconds - 1e-9));
    const length = stage.seconds / count;
    const first = start;
    start += stage.seconds;
    return Array.from({ length: count }, (_, i) => ({
      start: first + i * length,
      seconds: length,
      stage: number,
      asked: 0,
      answered: 0,
      failed: 0,
      latencies: new LatencyHistogram(),
    }));
  });
}

/** Finds intervals by the time, which may only grow from call to call. */
export class IntervalCursor {
  readonly #intervals: readonly Interval[];
  #at = 0;

  constructor(intervals: readonly Interval[]) {
    this.#intervals = intervals;
  }

  /**
   * @returns the interval that holds `seconds`, its end included and its beginning not; undefined before the first and
   * after the last one
   */
  find(seconds: number): Interval | undefined {
    if (seconds <= TINY) return undefined;
    while (this.#at < this.#intervals.length && seconds > end(this.#intervals[this.#at])) this.#at++;
    return this.#intervals[this.#at];
  }
}

/** A sum of many thirds may come out a little later than it is. */
const TINY = 1e-9;

const end = ({ start, seconds }: Interval): number => start + seconds + TINY;

export function toRaw({ latencies, ...interval }: Interval): RawInterval {
  return { ...interval, counts: latencies.counts };
}

export function fromRaw({ counts, ...interval }: RawInterval): Interval {
  return { ...interval, latencies: new LatencyHistogram(counts) };
}
