/** Section `http`: throughput of `/score` with 64 connections that send as fast as they are answered. */
import { CURVE } from '../load/latency-histogram.js';
import { type Section, type Table, median, short } from '../report/section.js';
import { type Measured, measure, ratio, startRivals, throughputFigure, totalCpu } from '../servers/rivals.js';
import type { Effort, Progress } from './run.js';

const CONNECTIONS = 64;

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

const throughputRatio = (rival: Measured, bare: Measured): number => ratio(rival, bare, (each) => each.throughput);

function throughputTable(measured: readonly Measured[]): Table {
  const [bare] = measured;
  return {
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
      short(throughputRatio(rival, bare)),
      short(median(rival.p50)),
      short(median(rival.p99)),
      short(median(totalCpu(rival))),
      short(median(rival.mainCpu)),
      short(ratio(rival, bare, totalCpu)),
      short(ratio(rival, bare, ({ mainCpu }) => mainCpu)),
      `${Math.round(100 * rival.generatorBusy)}%`,
    ]),
  };
}

function found([bare, ...lightscore]: readonly Measured[]): string {
  const rates = lightscore.map(
    (rival) => `${short(median(rival.throughput))} with SCORING=${rival.name} (${short(throughputRatio(rival, bare))})`,
  );
  const bareRate = short(median(bare.throughput));
  return `Requests answered a second, and in ratio to the ${bareRate} of a bare HTTP server: ${rates.join(', ')}.`;
}

function report(measured: readonly Measured[], effort: Effort): Section {
  const [bare, ...lightscore] = measured;
  return {
    id: 'http',
    title: 'Throughput of /score',
    found: found(measured),
    about:
      `${CONNECTIONS} connections, each sending its next request when it has its answer; 512 mixed bodies; 300 ` +
      'trees; every answer checked to be a 200 with the right score and request id. ' +
      `Medians of ${effort.rounds} alternating rounds of ${effort.seconds} s; ratios are medians of the ratios of ` +
      'each round. "bare" is uWebSockets.js with JSON.parse and a constant answer of the same size. The load ' +
      'generator runs on the same machine; "generator" is how busy its thread was: near 100%, a faster server ' +
      'would not show.',
    tables: [throughputTable(measured)],
    figures: [
      throughputFigure(measured),
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
    ],
    targets: lightscore
      .filter(({ name }) => name !== 'inline')
      .map((rival) => ({
        what: `/score throughput over bare, SCORING=${rival.name}`,
        value: throughputRatio(rival, bare),
        bound: 'at least',
        goal: rival.name === 'pool' ? 0.75 : 0.85,
      })),
  };
}
