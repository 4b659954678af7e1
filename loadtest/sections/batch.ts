/** Section `batch`: throughput of `/score_batch` with 1,000 rows, and how its CPU divides into scoring and HTTP. */
import { PooledModel } from '../models/pooled.js';
import { type Section, median, short } from '../report/section.js';
import { startLightscore } from '../servers/process.js';
import { type Measured, measure } from '../servers/rivals.js';
import { batchBodies, rowRequests } from '../traffic/bodies.js';
import { checkedBatches } from '../traffic/checked.js';
import { type DemoModel, loadDemoModel } from '../traffic/demo-model.js';
import type { Effort, Progress } from './run.js';

const ROWS = 1000;
const BATCHES = 8;
const CONNECTIONS = 4;
const LANE_ROWS = 256;
const GOAL_ROWS = 1e6;
const COLUMNS = [
  'rows/s served',
  'rows/s inside the worker, a core',
  'main thread us/row',
  'other threads us/row',
  'scoring us/row',
  'share of scoring in all CPU',
  'p50 ms',
  'p99 ms',
];

export async function batchSection(effort: Effort, progress: Progress): Promise<Section> {
  const model = await loadDemoModel();
  const batches = batchBodies(
    rowRequests({ seed: 3, count: ROWS * 2, featureNames: model.featureNames, examples: model.examples }),
    { rows: ROWS, count: BATCHES },
  );
  const server = await startLightscore('pool');
  try {
    progress(`batch: ${CONNECTIONS} connections, ${ROWS} rows a request`);
    const requests = await checkedBatches(server.origin, batches, model);
    const [measured] = await measure(
      [{ name: 'pool', server, path: '/score_batch', requests }],
      { connections: CONNECTIONS },
      effort,
    );
    const perWorker = await rowsPerSecondInWorker(model, effort);
    return report(measured, { perWorker, bodyBytes: requests[0].body.length });
  } finally {
    await server.stop();
  }
}

/** @param figures rows a second of one worker, and the length of a request's body */
function report(
  measured: Measured,
  { perWorker, bodyBytes }: { readonly perWorker: number; readonly bodyBytes: number },
): Section {
  const perRow = (micros: readonly number[]): number => median(micros) / ROWS;
  const scoring = 1e6 / perWorker;
  const served = median(measured.throughput) * ROWS;
  const scoringShare = Math.round((100 * scoring) / (perRow(measured.mainCpu) + perRow(measured.otherCpu)));
  return {
    id: 'batch',
    title: `/score_batch with ${ROWS.toLocaleString('en-US')} rows`,
    found:
      `${short(served)} rows are served a second; one worker alone scores ${short(perWorker)}. ` +
      `Scoring is ${scoringShare}% of all CPU, reading and writing JSON most of the rest.`,
    about:
      `${CONNECTIONS} connections; ${BATCHES} different bodies of mixed rows, each about ` +
      `${Math.round(bodyBytes / 1000)} kB; 300 trees. CPU per row by thread, from the scheduler's ` +
      'clock: the main thread reads, parses, validates, answers and logs; the others are the scoring worker, log ' +
      'writing and the garbage collector. Inside the worker: rows a second that one worker scores in batches of a ' +
      'full lane, by its own clock.',
    tables: [
      {
        title: 'Rows',
        columns: COLUMNS,
        rows: [
          [
            short(served),
            short(perWorker),
            short(perRow(measured.mainCpu)),
            short(perRow(measured.otherCpu)),
            short(scoring),
            `${scoringShare}%`,
            short(median(measured.p50)),
            short(median(measured.p99)),
          ],
        ],
      },
    ],
    figures: [
      {
        title: 'CPU a row',
        caption: 'By thread; scoring is part of the other threads.',
        kind: 'bar',
        xLabel: '',
        yLabel: 'microseconds',
        series: [
          { name: 'main thread', points: [[0, perRow(measured.mainCpu)]] },
          { name: 'other threads', points: [[0, perRow(measured.otherCpu)]] },
          { name: 'scoring', points: [[0, scoring]] },
        ],
      },
    ],
    targets: [
      {
        what: 'rows a second inside the worker, a core, 300 trees',
        value: perWorker,
        bound: 'at least',
        goal: GOAL_ROWS,
      },
    ],
  };
}

async function rowsPerSecondInWorker({ booster, modelText, examples }: DemoModel, { rounds }: Effort): Promise<number> {
  const rows = Float64Array.from(examples.slice(0, LANE_ROWS).flat(), (value) => value ?? NaN);
  const pooled = new PooledModel(
    {
      size: { features: booster.featureCount, leaves: 31, trees: booster.trees.length },
      modelText,
      rows,
      rowCount: LANE_ROWS,
    },
    { score: LANE_ROWS, explain: 1 },
  );
  try {
    const micros: number[] = [];
    for (let i = 0; i < rounds * 200; i++) micros.push(await pooled.scoreInWorker('score', LANE_ROWS));
    return (LANE_ROWS * 1e6) / median(micros);
  } finally {
    await pooled.close();
  }
}
