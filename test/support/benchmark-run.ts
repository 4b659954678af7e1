/** A benchmark run with every kind of table and figure, in figures like those of a real one. */
import type { BenchmarkRun } from '../../loadtest/report/markdown.js';
import type { Figure, Section } from '../../loadtest/report/section.js';

const RIVALS = ['bare', 'pool', 'auto', 'inline'] as const;
const SHARES = [0, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999];

const latency: Figure = {
  title: 'Latency under full load',
  caption: 'All rounds together.',
  kind: 'percentiles',
  xLabel: 'share of the requests',
  yLabel: 'milliseconds',
  // Lines that end close together: their names must not.
  series: RIVALS.map((name, i) => ({
    name,
    points: SHARES.map((share) => [share, (0.2 + 0.004 * i) / (1 - share) ** 0.6] as const),
  })),
};

const byTrees: Figure = {
  title: 'Microseconds a row by number of trees',
  caption: 'Both axes are logarithmic.',
  kind: 'line',
  xLabel: 'trees',
  yLabel: 'microseconds a row',
  series: ['LightGBM', 'one row', 'batch of 256'].map((name, i) => ({
    name,
    points: [57, 100, 300, 1000].map((trees) => [trees, (trees / 10) * [1, 0.05, 0.048][i]] as const),
  })),
};

const rates: Figure = {
  title: 'Requests a second',
  caption: 'Median of the rounds.',
  kind: 'bar',
  xLabel: '',
  yLabel: 'requests a second',
  series: RIVALS.map((name, i) => ({ name, points: [[0, 128_000 - 9000 * i]] })),
};

const models: Figure = {
  title: 'One row',
  caption: 'By model.',
  kind: 'bar',
  xLabel: '',
  yLabel: 'times as fast',
  series: [57, 100, 300, 1000, 2000, 3000].map((trees, i) => ({
    name: `${trees} trees of 31 leaves, 15 features`,
    points: [[0, 8.5 + 4.25 * i]],
  })),
};

const http: Section = {
  id: 'http',
  title: 'Throughput of /score',
  found:
    'Requests answered a second, and in ratio to the 128,000 of a bare HTTP server: 116,000 with SCORING=auto (0.91).',
  about: 'Connections that send their next request when they have their answer. '.repeat(4),
  tables: [
    {
      title: 'Requests a second',
      columns: [
        '',
        'req/s',
        'of bare',
        'p50 ms',
        'p99 ms',
        'CPU us/request',
        'main thread',
        'of bare (CPU)',
        'generator',
      ],
      rows: RIVALS.map((name) => [name, '116,000', 0.91, 0.54, 0.92, 8.5, 7.8, 1.12, '96%']),
    },
    {
      title: 'By model',
      columns: ['model', 'us a row', 'hand-over us', 'of it CPU of the calling thread', 'allowed from a first commit'],
      rows: [['300 trees of 31 leaves, 15 features', 1.2, 20, 9.1, 'yes, but the interval passes it']],
    },
  ],
  figures: [rates, latency, byTrees, models],
  targets: [
    { what: '/score throughput over bare, SCORING=auto', value: 0.91, bound: 'at least', goal: 0.85 },
    { what: 'half load, SCORING=pool: p99 over bare', value: 2.31, bound: 'at most', goal: 2 },
  ],
};

export const benchmarkRun: BenchmarkRun = {
  when: '2026-01-01T00:00:00.000Z',
  machine: 'a processor, 2 cores, Node v20.20.2, load average 0.1 at the start',
  quick: false,
  sections: [http, { ...http, id: 'latency', title: 'Latency of /score', targets: [] }],
};
