/** Section `crossover`: the batch size at which a worker beats inline scoring, by model, and what SCORING=auto does. */
import { LoadGenerator, assertAllRight, threadCpuSeconds } from '../load/load.js';
import { PooledModel } from '../models/pooled.js';
import { type ModelSize, describeSize, trainedModel } from '../models/trained.js';
import { type Section, median, short, span } from '../report/section.js';
import { openLightGBM } from '../../src/native/lightgbm.js';
import { startLightscore } from '../servers/process.js';
import { rowRequests } from '../traffic/bodies.js';
import { checkedSingles } from '../traffic/checked.js';
import { loadDemoModel } from '../traffic/demo-model.js';
import type { Effort, Progress } from './run.js';

const SIZES: readonly ModelSize[] = [57, 300, 1000].map((trees) => ({ features: 15, leaves: 31, trees }));
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const CAPACITY = { score: 256, explain: 16 } as const;
const REPEATS = 300;
const CONNECTIONS = [1, 16, 64, 512];

interface Cost {
  readonly rows: number;
  /** Microseconds of scoring on this thread. */
  readonly inline: number;
  /** Microseconds from the call of a worker to its result, and the part of them that is not the worker's scoring. */
  readonly roundTrip: number;
  readonly handover: number;
}

interface Crossover {
  readonly size: ModelSize;
  readonly costs: readonly Cost[];
  readonly explainOne: number;
  /** CPU microseconds of this thread for one call of a worker. */
  readonly mainThreadCpu: number;
}

export async function crossoverSection(effort: Effort, progress: Progress): Promise<Section> {
  const lightgbm = await openLightGBM(progress);
  const measured: Crossover[] = [];
  for (const size of effort.quick ? SIZES.slice(0, 2) : SIZES) {
    progress(`crossover: ${describeSize(size)}`);
    const model = new PooledModel(trainedModel(lightgbm, size, progress), CAPACITY);
    try {
      measured.push(await costs(model, size));
    } finally {
      await model.close();
    }
  }
  progress('crossover: what SCORING=auto chooses');
  return report(measured, await choices(effort));
}

async function costs(model: PooledModel, size: ModelSize): Promise<Crossover> {
  for (let i = 0; i < REPEATS; i++) {
    model.scoreInline('score', 16);
    await model.scoreInWorker('score', 16);
  }
  const found: Cost[] = [];
  for (const rows of ROWS) {
    const inline: number[] = [];
    const roundTrip: number[] = [];
    const handover: number[] = [];
    for (let i = 0; i < REPEATS; i++) {
      const started = performance.now();
      model.scoreInline('score', rows);
      const between = performance.now();
      const worker = await model.scoreInWorker('score', rows);
      const ended = performance.now();
      inline.push((between - started) * 1000);
      roundTrip.push((ended - between) * 1000);
      handover.push((ended - between) * 1000 - worker);
    }
    found.push({ rows, inline: median(inline), roundTrip: median(roundTrip), handover: median(handover) });
  }
  const explain: number[] = [];
  for (let i = 0; i < 20; i++) {
    const started = performance.now();
    model.scoreInline('explain', 1);
    explain.push((performance.now() - started) * 1000);
  }
  const before = threadCpuSeconds('self', process.pid);
  for (let i = 0; i < REPEATS; i++) await model.scoreInWorker('score', 1);
  return {
    size,
    costs: found,
    explainOne: median(explain),
    mainThreadCpu: ((threadCpuSeconds('self', process.pid) - before) / REPEATS) * 1e6,
  };
}

interface Choice {
  readonly connections: number;
  readonly explain: boolean;
  readonly rowsPerBatch: number;
  readonly inlineShare: number;
}

async function choices({ seconds, warmupSeconds, quick }: Effort): Promise<Choice[]> {
  const model = await loadDemoModel();
  const bodies = rowRequests({ seed: 2, count: 128, featureNames: model.featureNames, examples: model.examples });
  const server = await startLightscore('auto');
  const generator = new LoadGenerator();
  const found: Choice[] = [];
  try {
    const paths = [
      { path: '/score', topK: 3 },
      { path: '/score?explain=shap&top_k=3', topK: 3 },
    ];
    for (const { path, topK } of paths) {
      const requests = await checkedSingles(server.origin, path, bodies, model, topK);
      for (const connections of quick ? CONNECTIONS.slice(0, 3) : CONNECTIONS) {
        const read = (): Promise<number[]> =>
          Promise.all(
            ['lightscore_batch_rows_count', 'lightscore_batch_rows_sum', 'lightscore_inline_batches_total'].map(
              (name) => server.metric(name),
            ),
          );
        const before = await read();
        assertAllRight(
          await generator.run({ port: server.port, path, requests, connections, seconds, warmupSeconds }),
          'auto',
        );
        const [batches, rows, inline] = (await read()).map((value, i) => value - before[i]);
        found.push({
          connections,
          explain: path !== '/score',
          rowsPerBatch: rows / batches,
          inlineShare: inline / batches,
        });
      }
    }
  } finally {
    await generator.close();
    await server.stop();
  }
  return found;
}

function report(measured: readonly Crossover[], found: readonly Choice[]): Section {
  const handover = ({ costs: all }: Crossover): number => median(all.map((cost) => cost.handover));
  const perRow = ({ costs: all }: Crossover): number => all[all.length - 1].inline / all[all.length - 1].rows;
  return {
    id: 'crossover',
    title: 'Inline scoring against a worker',
    found: `To hand a batch to a worker costs as much as to score ${span(
      measured.map((one) => handover(one) / perRow(one)),
    )} rows inline, by model (${measured.map(({ size }) => describeSize(size)).join('; ')}).`,
    about:
      "In one process, without HTTP: the whole of /score's arithmetic for a batch on the calling thread, against the " +
      `same in a piscina worker. Medians of ${REPEATS} alternating repeats. The hand-over is the round trip less the ` +
      "worker's own scoring; the crossover is the number of rows whose inline scoring takes as long as a hand-over.",
    tables: [
      {
        title: 'By model',
        columns: [
          'model',
          'us a row',
          'hand-over us',
          'of it CPU of the calling thread',
          'crossover at rows',
          'one explained row us',
        ],
        rows: measured.map((one) => [
          describeSize(one.size),
          short(perRow(one)),
          short(handover(one)),
          short(one.mainThreadCpu),
          short(handover(one) / perRow(one)),
          short(one.explainOne),
        ]),
      },
      {
        title: 'What SCORING=auto chose (demo model)',
        columns: ['connections', 'request', 'rows a batch', 'batches scored inline'],
        rows: found.map(({ connections, explain, rowsPerBatch, inlineShare }) => [
          connections,
          explain ? 'explain=shap' : '/score',
          short(rowsPerBatch),
          `${Math.round(inlineShare * 100)}%`,
        ]),
      },
    ],
    figures: measured.map((one) => ({
      title: describeSize(one.size),
      caption: 'Both axes are logarithmic.',
      kind: 'line',
      xLabel: 'rows of the batch',
      yLabel: 'microseconds',
      series: [
        { name: 'inline', points: one.costs.map(({ rows, inline }) => [rows, inline]) },
        { name: 'through the pool', points: one.costs.map(({ rows, roundTrip }) => [rows, roundTrip]) },
      ],
    })),
    targets: [],
  };
}
