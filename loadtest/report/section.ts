/** The results of a benchmark as plain data, from which the Markdown, the page and the JSON are written. */

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Series {
  readonly name: string;
  /** [x, y] */
  readonly points: readonly (readonly [number, number])[];
}

export interface Figure {
  readonly title: string;
  readonly caption: string;
  /**
   * `percentiles`: x is the share of requests, 0 to 1. `line`: x is a number, on a logarithmic axis. `bar`: one bar per
   * series, whose x is not shown.
   */
  readonly kind: 'percentiles' | 'line' | 'bar';
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}

/** A goal and the measured value. If the goal is a ratio, both terms of the measured ratio come from the same run. */
export interface Target {
  readonly what: string;
  readonly value: number;
  readonly bound: 'at least' | 'at most';
  readonly goal: number;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** What came out, in one sentence with its figures. */
  readonly found?: string;
  /** What was measured and how, in a few sentences. */
  readonly about: string;
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
  readonly targets: readonly Target[];
}

export const isMet = ({ value, bound, goal }: Target): boolean =>
  bound === 'at least' ? value >= goal : value <= goal;

/** Formats a number with three significant digits, which suits a noisy measurement. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

/** The least and the largest of some values, as "2.1 to 3.4"; one text where they read alike. */
export function span(values: readonly number[]): string {
  const [least, most] = [short(Math.min(...values)), short(Math.max(...values))];
  return least === most ? least : `${least} to ${most}`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
