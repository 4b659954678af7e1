/** Section `latency`: latency of `/score`, for one request at a time and at half of the pool's maximum throughput. */
import { CURVE } from '../load/latency-histogram.js';
import { type Figure, type Section, type Table, type Target, median, short } from '../report/section.js';
import { type Measured, measure, ratio, startRivals } from '../servers/rivals.js';
import type { Effort, Progress } from './run.js';

const CONNECTIONS = 64;
/** Requests a second of one connection, slow enough that every thread sleeps before the next request. */
const PACE = 500;
const GOAL = { lone: { pool: 1.6, auto: 1.25 }, half: 2 } as const;

export async function latencySection(effort: Effort, progress: Progress): Promise<Section> {
  const { rivals, stop } = await startRivals();
  try {
    progress('latency: one connection');
    const lone = await measure(rivals, { connections: 1, apart: true }, effort);
    const paced = await measure(rivals, { connections: 1, rate: PACE, apart: true }, effort);
    const [full] = await measure(
      rivals.filter(({ name }) => name === 'pool'),
      { connections: CONNECTIONS },
      effort,
    );
    const rate = Math.round(median(full.throughput) / 2);
    progress(`latency: ${rate} requests a second`);
    const half = await measure(rivals, { connections: CONNECTIONS, rate }, effort);
    return report({ lone, paced, half, rate }, effort);
  } finally {
    await stop();
  }
}

interface Runs {
  /** One connection that sends as fast as it is answered. */
  readonly lone: readonly Measured[];
  /** One connection at the rate `PACE`. */
  readonly paced: readonly Measured[];
  /** Many connections at the rate `rate`, half of the maximum. */
  readonly half: readonly Measured[];
  readonly rate: number;
}

function targetsOf({ lone, paced, half }: Runs): Target[] {
  return lone.flatMap((rival, i): Target[] => {
    const { name } = rival;
    if (name !== 'pool' && name !== 'auto') return [];
    return [
      {
        what: `one connection, SCORING=${name}: p50 over bare`,
        value: ratio(rival, lone[0], ({ p50 }) => p50),
        bound: 'at most',
        goal: GOAL.lone[name],
      },
      {
        what: `one connection, ${PACE} requests a second, SCORING=${name}: p50 over bare`,
        value: ratio(paced[i], paced[0], ({ p50 }) => p50),
        bound: 'at most',
        goal: GOAL.lone[name],
      },
      {
        what: `half load, SCORING=${name}: p99 over bare`,
        value: ratio(half[i], half[0], ({ p99 }) => p99),
        bound: 'at most',
        goal: GOAL.half,
      },
    ];
  });
}

function found({ lone, half, rate }: Runs): string {
  const milliseconds = (each: readonly Measured[], read: 'p50' | 'p99'): string =>
    each.map((rival) => `${short(median(rival[read]))} ms ${rival.name}`).join(', ');
  return (
    `Median of one request at a time: ${milliseconds(lone, 'p50')}. ` +
    `99th percentile at ${rate.toLocaleString('en-US')} requests a second: ${milliseconds(half, 'p99')}.`
  );
}

function report(runs: Runs, effort: Effort): Section {
  const { lone, paced, half, rate } = runs;
  return {
    id: 'latency',
    title: 'Latency of /score',
    found: found(runs),
    about:
      'One connection, sending its next request when it has its answer; the same at ' +
      `${PACE} requests a second, where every thread sleeps before each request (for these two the generator stays ` +
      "on the last core and the server's event loop on the first: Linux would put them on one core at some times and " +
      'on two at others); then a fixed rate of half of the maximum of SCORING=pool in this run, the same for all, ' +
      `evenly spaced over ${CONNECTIONS} connections. At a fixed rate a latency counts from the moment at which the ` +
      'request should have been sent, so every request that a stall delays counts the whole delay (no coordinated ' +
      `omission). Medians of ${effort.rounds} alternating rounds.`,
    tables: [
      table('One connection, milliseconds', lone),
      table(`One connection, ${PACE} requests a second, milliseconds`, paced),
      table(`${rate.toLocaleString('en-US')} requests a second, milliseconds`, half),
    ],
    figures: [
      curve('One connection', lone),
      curve(`One connection, ${PACE} requests a second`, paced),
      curve(`At ${rate.toLocaleString('en-US')} requests a second`, half),
    ],
    targets: targetsOf(runs),
  };
}

function table(title: string, measured: readonly Measured[]): Table {
  return {
    title,
    columns: [
      '',
      'p50',
      'p90',
      'p99',
      'p99.9',
      'p50 over bare',
      'p50 less bare, us',
      'p99 over bare',
      'answered/s',
      'never answered',
      'generator',
    ],
    rows: measured.map((rival) => [
      rival.name,
      short(median(rival.p50)),
      short(rival.latencies.quantile(0.9)),
      short(median(rival.p99)),
      short(rival.latencies.quantile(0.999)),
      short(ratio(rival, measured[0], ({ p50 }) => p50)),
      short(1000 * (median(rival.p50) - median(measured[0].p50))),
      short(ratio(rival, measured[0], ({ p99 }) => p99)),
      short(median(rival.throughput)),
      rival.unanswered,
      `${Math.round(100 * rival.generatorBusy)}%`,
    ]),
  };
}

function curve(title: string, measured: readonly Measured[]): Figure {
  return {
    title,
    caption: 'All rounds together.',
    kind: 'percentiles',
    xLabel: 'share of the requests',
    yLabel: 'milliseconds',
    series: measured.map(({ name, latencies }) => ({
      name,
      points: CURVE.map((share) => [share, latencies.quantile(share)] as const),
    })),
  };
}
