/** A histogram of latencies with buckets of under 1% width, cheap enough to record a million a second during a load. */

/** Linear steps in each power of two; below this many nanoseconds, buckets are one nanosecond wide. */
const STEPS = 128;
const STEP_BITS = 7;
/** Powers of two that the histogram covers. */
const OCTAVES = 36;
const BUCKETS = STEPS * OCTAVES;

/** The shares of the requests at which curves are drawn. */
export const CURVE = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999] as const;

export class LatencyHistogram {
  /** @param counts the `counts` of another histogram, such as one that a thread has sent */
  constructor(readonly counts: Float64Array = new Float64Array(BUCKETS)) {}

  record(milliseconds: number): void {
    this.counts[bucketOf(milliseconds * 1e6)]++;
  }

  add(other: LatencyHistogram): void {
    for (let i = 0; i < BUCKETS; i++) this.counts[i] += other.counts[i];
  }

  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * @returns milliseconds that `share` (0 to 1) of the requests did not exceed, rounded up to the bucket's upper edge;
   * NaN if the histogram is empty
   */
  quantile(share: number): number {
    const { total } = this;
    if (total === 0) return NaN;
    const wanted = Math.max(1, Math.ceil(share * total));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.counts[i];
      if (seen >= wanted) return upperEdge(i) / 1e6;
    }
    return upperEdge(BUCKETS - 1) / 1e6;
  }
}

function bucketOf(nanoseconds: number): number {
  const value = Math.max(0, Math.floor(nanoseconds));
  if (value < STEPS) return value;
  const octave = Math.floor(Math.log2(value)) - STEP_BITS + 1;
  const step = Math.floor(value / 2 ** (octave - 1)) - STEPS;
  return Math.min(BUCKETS - 1, octave * STEPS + step);
}

function upperEdge(bucket: number): number {
  const octave = Math.floor(bucket / STEPS);
  return octave === 0 ? bucket : ((bucket % STEPS) + STEPS + 1) * 2 ** (octave - 1);
}
