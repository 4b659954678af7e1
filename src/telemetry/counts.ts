/** Counters that are cheap enough for the hot path: plain numbers, which Prometheus metrics read at each scrape. */

/** Counts observations per bucket. `bounds` ascend; an observation counts in the first bucket whose bound it fits. */
export class Distribution {
  /** [bounds + 1]: the last one counts everything above the highest bound. */
  readonly buckets: Float64Array;
  sum = 0;

  constructor(readonly bounds: readonly number[]) {
    this.buckets = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]) at++;
    this.buckets[at]++;
    this.sum += value;
  }

  /** Adds the observations of another distribution, which has the same bounds. */
  add({ buckets, sum }: Pick<Distribution, 'buckets' | 'sum'>): void {
    for (let i = 0; i < buckets.length; i++) this.buckets[i] += buckets[i];
    this.sum += sum;
  }

  clear(): void {
    this.buckets.fill(0);
    this.sum = 0;
  }
}

/** Counts by label value, for labels of few values. */
export class Tally<Label extends string | number> {
  readonly #counts = new Map<Label, number>();

  /** @param known labels that are reported from the start, as 0 */
  constructor(known: readonly Label[] = []) {
    for (const label of known) this.#counts.set(label, 0);
  }

  add(label: Label, count = 1): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + count);
  }

  /** Every label that was there is reported as 0. */
  clear(): void {
    for (const label of this.#counts.keys()) this.#counts.set(label, 0);
  }

  get entries(): readonly (readonly [Label, number])[] {
    return [...this.#counts];
  }
}
