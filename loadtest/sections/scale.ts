/** Measures memory and throughput with 1, 2 and 4 workers. */
import { type Section, median, short } from '../report/section.js';
import { startLightscore } from '../servers/process.js';
import { type Measured, measure } from '../servers/rivals.js';
import { batchBodies, rowRequests } from '../traffic/bodies.js';
import { checkedBatches, checkedSingles } from '../traffic/checked.js';
import { type DemoModel, loadDemoModel } from '../traffic/demo-model.js';
import type { CheckedRequest } from '../load/load.js';
import type { Effort, Progress } from './run.js';

const WORKERS = [1, 2, 4];
const cpu = ({ mainCpu, otherCpu }: Measured): number => median(mainCpu) + median(otherCpu);

const EXPLAIN = '/score?explain=shap&top_k=3';

interface Row {
  readonly workers: number;
  readonly shared: number;
  readonly resident: number;
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
  const batches = batchBodies(bodies, 1000, 2);
  const server = await startLightscore('pool', { WORKERS: String(workers) });
  try {
    const shared = await server.metric('lightscore_shared_memory_bytes', 'kind="used"');
    const resident = server.residentBytes();
    const run = async (path: string, requests: readonly CheckedRequest[], connections: number): Promise<Measured> => {
      const rivals = [{ name: `${workers} workers`, server, path, requests }];
      const [measured] = await measure(rivals, { connections }, { ...effort, rounds: 1 });
      return measured;
    };
    return {
      workers,
      shared,
      resident,
      singles: await run('/score', await checkedSingles(server.origin, '/score', bodies, model), 64),
      explained: await run(EXPLAIN, await checkedSingles(server.origin, EXPLAIN, bodies.slice(0, 64), model), 64),
      batched: await run('/score_batch', await checkedBatches(server.origin, batches, model), 4),
    };
  } finally {
    await server.stop();
  }
}

function report(rows: readonly Row[]): Section {
  return {
    id: 'scale',
    title: 'Workers',
    about:
      'The same server with 1, 2 and 4 scoring workers, one after another. Shared memory is read when the model is ' +
      'warm, before any load: it contains the booster, and one lane for each worker that scored the self-check. ' +
      'On a machine with two cores, which the load generator shares, more than one worker can only show that it ' +
      'costs little.',
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
        rows: rows.map(({ workers, shared, resident, singles, explained, batched }) => [
          workers,
          short(shared / 2 ** 20),
          short(resident / 2 ** 20),
          short(median(singles.throughput)),
          short(cpu(singles)),
          short(median(explained.throughput)),
          short(1000 * median(batched.throughput)),
        ]),
      },
    ],
    figures: [],
    targets: [],
  };
}
