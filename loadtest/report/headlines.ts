/**
 * The figures of README and docs/performance: which results of `npm run bench` they are, and their median and range
 * over the runs of docs/performance/results.
 */
import { median, short } from './section.js';
import type { BenchmarkRun } from './markdown.js';

/** One figure: a target of a section, by its exact words. */
export interface Headline {
  readonly what: string;
  /** The section of `npm run bench` that measures it. */
  readonly section: string;
  /** `what` of the section's target. */
  readonly target: string;
  /** Behind the number. */
  readonly unit: '' | 'x' | ' ms';
  /** Whether the README has it, too. */
  readonly first: boolean;
  /** The name of its bar, where the chart has it. */
  readonly bar?: string;
}

const KERNEL_SIZES = [57, 100, 300, 1000].map((trees): Headline => {
  const size = `${trees} trees, 31 leaves, 15 features`;
  const shown = trees.toLocaleString('en-US');
  return {
    what: `one row, ${shown} trees: times as fast as LightGBM's single-row call`,
    section: 'kernel',
    target: `one row, ${size}: times faster than LightGBM`,
    unit: 'x',
    first: trees === 57 || trees === 300,
    bar: `one row, ${shown} trees, to LightGBM`,
  };
});

/** Aims of the same sections that are worth a row, too. */
const OTHER_KERNELS: readonly (readonly [what: string, target: string])[] = [
  ['63 leaves', '300 trees, 63 leaves, 15 features'],
  ['127 leaves', '300 trees, 127 leaves, 15 features'],
  ['255 leaves', '300 trees, 255 leaves, 15 features'],
  ['100 features', '300 trees, 31 leaves, 100 features'],
  ['500 features', '300 trees, 31 leaves, 500 features'],
  ['5 of 15 features categorical', '300 trees, 31 leaves, 15 features, 5 categorical'],
];

const perScoring = (make: (scoring: string) => Headline): Headline[] => ['pool', 'auto'].map(make);

export const HEADLINES: readonly Headline[] = [
  ...KERNEL_SIZES,
  ...OTHER_KERNELS.map(([what, size]): Headline => ({
    what: `the same, 300 trees, ${what}`,
    section: 'kernel',
    target: `one row, ${size}: times faster than LightGBM`,
    unit: 'x',
    first: false,
  })),
  {
    what: "TreeSHAP, 300 trees: times as fast as LightGBM's `predict_contrib`",
    section: 'kernel',
    target: 'TreeSHAP, 300 trees, 31 leaves, 15 features: times faster than LightGBM',
    unit: 'x',
    first: true,
    bar: 'TreeSHAP, 300 trees, to LightGBM',
  },
  ...perScoring((scoring) => ({
    what: `\`/score\` requests a second over the Python service's, one process each, \`SCORING=${scoring}\``,
    section: 'python',
    target: `/score throughput, SCORING=${scoring}: times the Python service's`,
    unit: 'x',
    first: true,
    ...(scoring === 'auto' && { bar: '/score, to the Python service' }),
  })),
  ...perScoring((scoring) => ({
    what: `the same over a server that only parses the JSON, \`SCORING=${scoring}\``,
    section: 'http',
    target: `/score throughput over bare, SCORING=${scoring}`,
    unit: 'x',
    first: true,
  })),
  {
    what: 'requests a second with `?explain=shap` over the default',
    section: 'explain',
    target: '/score?explain=shap throughput over /score',
    unit: 'x',
    first: false,
  },
  {
    what: 'CPU a request with `?explain=shap` over the default',
    section: 'explain',
    target: 'CPU a request of /score?explain=shap over /score',
    unit: 'x',
    first: true,
  },
  ...perScoring((scoring) => ({
    what: `one connection, p50 over the bare server's, \`SCORING=${scoring}\``,
    section: 'latency',
    target: `one connection, SCORING=${scoring}: p50 over bare`,
    unit: 'x',
    first: false,
  })),
  ...perScoring((scoring) => ({
    what: `half of the maximal rate, p99 over the bare server's, \`SCORING=${scoring}\``,
    section: 'latency',
    target: `half load, SCORING=${scoring}: p99 over bare`,
    unit: 'x',
    first: false,
  })),
  {
    what: 'start of the process to ready',
    section: 'start',
    target: 'start to ready, ms',
    unit: ' ms',
    first: true,
  },
  {
    what: 'parse and compile 1,000 trees',
    section: 'start',
    target: 'compiling 1000 trees, ms',
    unit: ' ms',
    first: false,
  },
];

/** A headline over all runs that measured it. */
export interface Measurement extends Headline {
  readonly values: readonly number[];
}

/** Those that at least one run measured. */
export function measurementsOf(runs: readonly BenchmarkRun[]): Measurement[] {
  return HEADLINES.map((headline) => ({
    ...headline,
    values: runs
      .flatMap(({ sections }) => sections)
      .filter(({ id }) => id === headline.section)
      .flatMap(({ targets }) => targets)
      .filter(({ what }) => what === headline.target)
      .map(({ value }) => value),
  })).filter(({ values }) => values.length > 0);
}

export const medianOf = ({ values }: Measurement): number => median(values);
export const rangeOf = ({ values }: Measurement): readonly [number, number] => [
  Math.min(...values),
  Math.max(...values),
];

/** As Markdown: median, range, number of runs, and the command that measures each. */
export function headlineTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map((measurement) => {
    const { what, values, unit, section } = measurement;
    const [least, most] = rangeOf(measurement).map(short);
    const range = values.length === 1 ? 'one run' : `${least} to ${most} in ${values.length} runs`;
    return `| ${what} | ${short(medianOf(measurement))}${unit} | ${range} | \`npm run bench -- --only ${section}\` |\n`;
  });
  return `| what | median | range | command |\n| --- | ---: | --- | --- |\n${rows.join('')}`;
}
