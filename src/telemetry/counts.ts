/** Counters that the hot path can afford: plain numbers in arrays, read when Prometheus asks. */

/** Counts observations per bucket; `bounds` ascend, an observation falls into the first bound it does not exceed. */
export class Distribution {
  /** [bounds + 1], the last for everything above. */
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

  /** Adds what was observed elsewhere, over the same bounds. */
  add({ buckets, sum }: Pick<Distribution, 'buckets' | 'sum'>): void {
    for (let i = 0; i < buckets.length; i++) this.buckets[i] += buckets[i];
    this.sum += sum;
  }

  clear(): void {
    this.buckets.fill(0);
    this.sum = 0;
  }
}

/** Counts per label value, for few values. */
export class Tally<Label extends string | number> {
  readonly #counts = new Map<Label, number>();

  add(label: Label, count = 1): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + count);
  }

  clear(): void {
    this.#counts.clear();
  }

  get entries(): readonly (readonly [Label, number])[] {
    return [...this.#counts];
  }
}
