/** Measures the throughput of `/score` with 64 connections that send as fast as they are answered. */
import { CURVE } from '../load/latency-histogram.js';
import { type Figure, type Section, median, short } from '../report/section.js';
import { type Measured, measure, ratio, startRivals } from '../servers/rivals.js';
import type { Effort, Progress } from './run.js';

const CONNECTIONS = 64;

const cpu = ({ mainCpu, otherCpu }: Measured): number[] => mainCpu.map((main, round) => main + otherCpu[round]);

export async function httpSection(effort: Effort, progress: Progress): Promise<Section> {
  const { rivals, stop } = await startRivals();
  try {
    const rounds = `${effort.rounds} rounds of ${effort.seconds} s each`;
    progress(`${rivals.map(({ name }) => name).join(', ')}: ${CONNECTIONS} connections, ${rounds}`);
    return report(await measure(rivals, { connections: CONNECTIONS }, effort), effort);
  } finally {
    await stop();
  }
}

function report(measured: readonly Measured[], effort: Effort): Section {
  const [bare, ...lightscore] = measured;
  const over = (rival: Measured): number => ratio(rival, bare, ({ throughput }) => throughput);
  return {
    id: 'http',
    title: 'Throughput of /score',
    about:
      `${CONNECTIONS} connections, each of which sends its next request when it has its answer; 512 mixed bodies; ` +
      '300 trees; every answer is checked to be a 200 with the right score and request id. ' +
      `Medians of ${effort.rounds} alternating rounds of ${effort.seconds} s; ` +
      "ratios are medians of each round's own. " +
      '"bare" is uWebSockets.js with JSON.parse and a constant answer of the same size. ' +
      'The load generator runs on the same machine; "generator" is the share of time that its thread was busy: ' +
      'near 100%, a faster server would not show.',
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
          'of bare (main)',
          'generator',
        ],
        rows: measured.map((rival) => [
          rival.name,
          short(median(rival.throughput)),
          short(over(rival)),
          short(median(rival.p50)),
          short(median(rival.p99)),
          short(median(cpu(rival))),
          short(median(rival.mainCpu)),
          short(ratio(rival, bare, cpu)),
          short(ratio(rival, bare, ({ mainCpu }) => mainCpu)),
          `${Math.round(100 * rival.generatorBusy)}%`,
        ]),
      },
    ],
    figures: figuresOf(measured),
    targets: lightscore
      .filter(({ name }) => name !== 'inline')
      .map((rival) => ({
        what: `/score throughput over bare, SCORING=${rival.name}`,
        value: over(rival),
        bound: 'at least',
        goal: rival.name === 'pool' ? 0.75 : 0.85,
      })),
  };
}

function figuresOf(measured: readonly Measured[]): Figure[] {
  return [
    {
      title: 'Requests a second',
      caption: 'Median of the rounds.',
      kind: 'bar',
      xLabel: '',
      yLabel: 'requests a second',
      series: measured.map((rival) => ({ name: rival.name, points: [[0, median(rival.throughput)]] })),
    },
    {
      title: 'Latency under full load',
      caption: 'All rounds together.',
      kind: 'percentiles',
      xLabel: 'share of the requests',
      yLabel: 'milliseconds',
      series: measured.map((rival) => ({
        name: rival.name,
        points: CURVE.map((share) => [share, rival.latencies.quantile(share)] as const),
      })),
    },
  ];
}
