/** Section `scale`: what grows with the number of workers, and what does not. */
import { type Figure, type Section, median, short } from '../report/section.js';
import { startLightscore } from '../servers/process.js';
import { type Measured, measure } from '../servers/rivals.js';
import { batchBodies, rowRequests } from '../traffic/bodies.js';
import { checkedBatches, checkedSingles } from '../traffic/checked.js';
import { type DemoModel, loadDemoModel } from '../traffic/demo-model.js';
import type { Effort, Progress } from './run.js';

const WORKERS = [1, 2, 4];
const EXPLAIN = '/score?explain=shap&top_k=3';

const totalCpu = ({ mainCpu, otherCpu }: Measured): number => median(mainCpu) + median(otherCpu);

/** The figures of one number of workers. */
interface Row {
  readonly workers: number;
  readonly sharedBytes: number;
  readonly residentBytes: number;
  readonly singles: Measured;
  readonly explained: Measured;
  readonly batched: Measured;
}

export async function scaleSection(effort: Effort, progress: Progress): Promise<Section> {
  const model = await loadDemoModel();
  const rows: Row[] = [];
  for (const workers of WORKERS) {
    progress(`scale: ${workers} workers`);
    rows.push(await measureWorkers(workers, model, effort));
  }
  return report(rows);
}

async function measureWorkers(workers: number, model: DemoModel, effort: Effort): Promise<Row> {
  const bodies = rowRequests({ seed: 4, count: 256, featureNames: model.featureNames, examples: model.examples });
  const batches = batchBodies(bodies, { rows: 1000, count: 2 });
  const server = await startLightscore('pool', { WORKERS: String(workers) });
  try {
    const sharedBytes = await server.metric('lightscore_shared_memory_bytes', 'kind="used"');
    const residentBytes = server.residentBytes();
    const run = async (
      path: string,
      requests: Awaited<ReturnType<typeof checkedSingles>>,
      connections: number,
    ): Promise<Measured> => {
      const rival = { name: `${workers} workers`, server, path, requests };
      const [measured] = await measure([rival], { connections }, { ...effort, rounds: 1 });
      return measured;
    };
    return {
      workers,
      sharedBytes,
      residentBytes,
      singles: await run('/score', await checkedSingles(server.origin, '/score', bodies, model), 64),
      explained: await run(EXPLAIN, await checkedSingles(server.origin, EXPLAIN, bodies.slice(0, 64), model), 64),
      batched: await run('/score_batch', await checkedBatches(server.origin, batches, model), 4),
    };
  } finally {
    await server.stop();
  }
}

function found(rows: readonly Row[]): string {
  const rates = (name: string, read: (row: Row) => number): string =>
    `${name} ${rows.map((row) => short(read(row))).join(', ')}`;
  const counts = rows.map(({ workers }) => workers).join(', ');
  return (
    `With ${counts} workers: ${rates('requests a second', ({ singles }) => median(singles.throughput))}; ` +
    `${rates('rows a second in batches', ({ batched }) => 1000 * median(batched.throughput))}.`
  );
}

function barsByWorkers(rows: readonly Row[], title: string, value: (row: Row) => number): Figure {
  return {
    title,
    caption: 'A second, by number of workers.',
    kind: 'bar',
    xLabel: '',
    yLabel: title.toLowerCase(),
    series: rows.map((row) => ({ name: String(row.workers), points: [[0, value(row)]] })),
  };
}

function report(rows: readonly Row[]): Section {
  return {
    id: 'scale',
    title: 'Workers',
    found: found(rows),
    about:
      'The same server with 1, 2 and 4 scoring workers, one after another. Shared memory is read when the model is ' +
      'warm, before any load: it contains the booster, and one lane for each worker that scored the self-check. On a ' +
      'machine of two cores that the load generator shares, more than one worker can only show that it costs little.',
    tables: [
      {
        title: 'By workers',
        columns: [
          'workers',
          'shared memory in use MiB',
          'resident MiB',
          '/score req/s',
          'CPU us/request',
          'explained req/s',
          'batch rows/s',
        ],
        rows: rows.map(({ workers, sharedBytes, residentBytes, singles, explained, batched }) => [
          workers,
          short(sharedBytes / 2 ** 20),
          short(residentBytes / 2 ** 20),
          short(median(singles.throughput)),
          short(totalCpu(singles)),
          short(median(explained.throughput)),
          short(1000 * median(batched.throughput)),
        ]),
      },
    ],
    figures: [
      barsByWorkers(rows, 'Requests', ({ singles }) => median(singles.throughput)),
      barsByWorkers(rows, 'Explained requests', ({ explained }) => median(explained.throughput)),
      barsByWorkers(rows, 'Rows in batches', ({ batched }) => 1000 * median(batched.throughput)),
    ],
    targets: [],
  };
}
