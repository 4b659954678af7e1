/** Section `cpu`: CPU per request, by number of connections. */
import { type Figure, type Section, median, short, span } from '../report/section.js';
import { type Measured, measure, ratio, startRivals, totalCpu } from '../servers/rivals.js';
import type { Effort, Progress } from './run.js';

const CONNECTIONS = { full: [16, 32, 64, 128, 256, 512], quick: [16, 128, 512] } as const;
const MAX_SPREAD = 1.2;

/** The results of all servers for one number of connections. */
interface Run {
  readonly connections: number;
  readonly measured: readonly Measured[];
}

export async function cpuSection(effort: Effort, progress: Progress): Promise<Section> {
  const { rivals, stop } = await startRivals(['pool', 'auto']);
  const counts = CONNECTIONS[effort.quick ? 'quick' : 'full'];
  const runs: Run[] = [];
  try {
    for (const connections of counts) {
      progress(`cpu: ${connections} connections`);
      runs.push({ connections, measured: await measure(rivals, { connections }, effort) });
    }
  } finally {
    await stop();
  }
  const names = rivals.map(({ name }) => name);
  const ratios = (i: number): number[] => runs.map(({ measured }) => ratio(measured[i], measured[0], totalCpu));
  return {
    id: 'cpu',
    title: 'CPU per request',
    found: names
      .slice(1)
      .map((name, i) => {
        const micros = span(runs.map(({ measured }) => median(totalCpu(measured[i + 1]))));
        const ofBare = span(ratios(i + 1));
        return `A request costs ${micros} us of CPU with SCORING=${name}, ${ofBare} of a bare HTTP server's.`;
      })
      .join(' '),
    about:
      'Microseconds of user and system CPU of the whole server process, all threads, per answered /score request, ' +
      "from the scheduler's own clock; each connection sends its next request when it has its answer. The second " +
      'figure shows the requests answered a second in the same runs.',
    tables: [
      {
        title: 'Microseconds of CPU a request, and in ratio to bare',
        columns: [
          'connections',
          ...names.flatMap((name, i) => [name, ...(i === 0 ? [] : [`${name} main thread`, `${name} of bare`])]),
        ],
        rows: runs.map(({ connections, measured }) => [
          connections,
          ...measured.flatMap((rival, i) => [
            short(median(totalCpu(rival))),
            ...(i === 0 ? [] : [short(median(rival.mainCpu)), short(ratio(rival, measured[0], totalCpu))]),
          ]),
        ]),
      },
    ],
    figures: [
      figureOf(runs, totalCpu, { title: 'CPU a request', caption: 'Whole process.', yLabel: 'microseconds' }),
      figureOf(runs, ({ throughput }) => throughput, {
        title: 'Requests a second',
        caption: 'By number of connections.',
        yLabel: 'requests a second',
      }),
    ],
    targets: names.slice(1).map((name, i) => ({
      what:
        `CPU a request over bare, ${counts[0]} to ${counts[counts.length - 1]} connections, ` +
        `SCORING=${name}: largest ratio over smallest`,
      value: Math.max(...ratios(i + 1)) / Math.min(...ratios(i + 1)),
      bound: 'at most',
      goal: MAX_SPREAD,
    })),
  };
}

function figureOf(
  runs: readonly Run[],
  read: (measured: Measured) => readonly number[],
  labels: Pick<Figure, 'title' | 'caption' | 'yLabel'>,
): Figure {
  const [{ measured: rivals }] = runs;
  return {
    ...labels,
    kind: 'line',
    xLabel: 'connections',
    series: rivals.map(({ name }, i) => ({
      name,
      points: runs.map(({ connections, measured }) => [connections, median(read(measured[i]))] as const),
    })),
  };
}
