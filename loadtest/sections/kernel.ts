/** Section `kernel`: the kernel against LightGBM's C API on one thread: single rows, batches and explanations. */
import { type ModelSize, type TrainedModel, describeSize, trainedModel } from '../models/trained.js';
import { type Figure, type Section, type Table, type Target, short, span } from '../report/section.js';
import { openLightGBM } from '../../src/native/lightgbm.js';
import { Random } from '../../src/train/random.js';
import { MODEL_VERSION, loadDemoModel } from '../traffic/demo-model.js';
import { drawRow } from '../traffic/rows.js';
import { BATCH, EXPLAINED_BATCH, type KernelTimings, PASSES, timeKernel } from './kernel-timing.js';
import type { Effort, Progress } from './run.js';

const DEMO_ROWS = 2048;

/** The sizes with a goal of their own for one row at a time. */
const SEED_SIZES: readonly (ModelSize & { readonly goal: number })[] = [57, 100, 300, 1000].map((trees, i) => ({
  features: 15,
  leaves: 31,
  trees,
  goal: [8, 12, 18, 30][i],
}));
/** The sizes with the goal `GOAL.otherShape`. */
const OTHER_SHAPES: readonly ModelSize[] = [
  { features: 15, leaves: 63, trees: 300 },
  { features: 15, leaves: 127, trees: 300 },
  { features: 15, leaves: 255, trees: 300 },
  { features: 100, leaves: 31, trees: 300 },
  { features: 500, leaves: 31, trees: 300 },
  { features: 15, leaves: 31, trees: 300, categorical: 5 },
];
const GOAL = { otherShape: 3, batch: 1.5, explain: 20, explainedTrees: 300 } as const;

export async function kernelSection(effort: Effort, progress: Progress): Promise<Section> {
  const lightgbm = await openLightGBM(progress);
  const sizes = effort.quick ? SEED_SIZES.slice(0, 3) : [...SEED_SIZES, ...OTHER_SHAPES];
  const rows = sizes.map((size) => {
    progress(`kernel: ${describeSize(size)}`);
    return timeKernel(lightgbm, trainedModel(lightgbm, size, progress), effort);
  });
  progress('kernel: the demo model');
  rows.push(timeKernel(lightgbm, await demoModel(), effort));
  return report(rows, effort, lightgbm.version);
}

/** Returns the model of the HTTP benchmarks with rows of its distribution. */
async function demoModel(): Promise<TrainedModel> {
  const { booster, modelText, examples } = await loadDemoModel();
  const random = new Random(1);
  const drawn = Array.from({ length: DEMO_ROWS }, () => drawRow(random, examples));
  return {
    size: {
      name: `demo ${MODEL_VERSION}`,
      features: booster.featureCount,
      leaves: Math.max(...booster.trees.map(({ leafCount }) => leafCount)),
      trees: booster.trees.length,
    },
    modelText,
    rows: Float64Array.from(drawn.flat(), (value) => value ?? NaN),
    rowCount: DEMO_ROWS,
  };
}

function targetsOf(rows: readonly KernelTimings[]): Target[] {
  return rows
    .filter(({ size }) => size.name === undefined)
    .flatMap(({ size, timings, shap }): Target[] => {
      const goal = SEED_SIZES.find((seed) => seed === size)?.goal;
      return [
        {
          what: `one row, ${describeSize(size)}: times faster than LightGBM`,
          value: timings.ratio,
          bound: 'at least',
          goal: goal ?? GOAL.otherShape,
        },
        ...(goal === undefined
          ? []
          : [
              {
                what: `batches of ${BATCH}, ${describeSize(size)}: times faster than one row`,
                value: timings.batchGain,
                bound: 'at least',
                goal: GOAL.batch,
              } as const,
            ]),
        ...(goal !== undefined && size.trees === GOAL.explainedTrees
          ? [
              {
                what: `TreeSHAP, ${describeSize(size)}: times faster than LightGBM`,
                value: shap.ratio,
                bound: 'at least',
                goal: GOAL.explain,
              } as const,
            ]
          : []),
      ];
    });
}

function scoreTable(rows: readonly KernelTimings[]): Table {
  return {
    title: 'Microseconds a row',
    columns: [
      'model',
      'strategy',
      'image MiB',
      'LightGBM',
      'one row',
      'times faster',
      `batch of ${BATCH}`,
      'again faster',
      'whole /score',
      'call: native',
      'call: ours',
    ],
    rows: rows.map(({ size, strategy, imageBytes, timings: t }) => [
      describeSize(size),
      strategy,
      short(imageBytes / 2 ** 20),
      short(t.lightgbm),
      short(t.one),
      short(t.ratio),
      short(t.batch),
      short(t.batchGain),
      short(t.score),
      short(t.nativeCall),
      short(t.ourCall),
    ]),
  };
}

function shapTable(rows: readonly KernelTimings[]): Table {
  return {
    title: 'TreeSHAP, microseconds a row',
    columns: ['model', 'LightGBM', 'one row', 'times faster', `batch of ${EXPLAINED_BATCH}`, 'largest difference'],
    rows: rows.map(({ size, shap }) => [
      describeSize(size),
      short(shap.lightgbm),
      short(shap.one),
      short(shap.ratio),
      short(shap.batch),
      shap.worstDifference.toExponential(1),
    ]),
  };
}

function found(rows: readonly KernelTimings[]): string {
  const single = span(rows.map(({ timings }) => timings.ratio));
  const explained = span(rows.map(({ shap }) => shap.ratio));
  const models = `over ${rows.length} models`;
  return (
    `One row is scored ${single} times as fast as by LightGBM's own single-row call, ${models}; ` +
    `exact SHAP is computed ${explained} times as fast.`
  );
}

function barsByModel(rows: readonly KernelTimings[], title: string, value: (row: KernelTimings) => number): Figure {
  return {
    title,
    caption: 'How many times as fast as LightGBM, by model.',
    kind: 'bar',
    xLabel: '',
    yLabel: 'times as fast',
    series: rows.map((row) => ({ name: describeSize(row.size), points: [[0, value(row)]] })),
  };
}

function figureByTrees(rows: readonly KernelTimings[]): Figure {
  const seeds = rows.filter(({ size }) => SEED_SIZES.some((seed) => seed === size));
  return {
    title: 'Microseconds a row by number of trees',
    caption: "LightGBM's single-row call, against Lightscore by row and in batches. Both axes are logarithmic.",
    kind: 'line',
    xLabel: 'trees',
    yLabel: 'microseconds a row',
    series: [
      { name: 'LightGBM', points: seeds.map(({ size, timings }) => [size.trees, timings.lightgbm]) },
      { name: 'one row', points: seeds.map(({ size, timings }) => [size.trees, timings.one]) },
      {
        name: `batch of ${BATCH}`,
        points: seeds.map(({ size, timings }) => [size.trees, timings.batch]),
      },
    ],
  };
}

function report(rows: readonly KernelTimings[], effort: Effort, version: string): Section {
  return {
    id: 'kernel',
    title: 'Kernel against LightGBM',
    found: found(rows),
    about:
      `One thread. LightGBM ${version}: PredictForMatSingleRowFast (num_threads=1) through koffi, less the cost of ` +
      'the call, which is measured with a C function that does nothing; the kernel is called from JavaScript, and ' +
      "its figures include the call. Raw scores of 2,048 rows with missing values, all bit-identical to LightGBM's " +
      `(checked in this run). Medians of ${effort.rounds + 2} alternating rounds of ${PASSES} passes, of which each ` +
      `${BATCH} rows count with their fastest pass; ratios are medians of the ratios of each round.`,
    tables: [scoreTable(rows), shapTable(rows)],
    figures: [
      figureByTrees(rows),
      barsByModel(rows, 'One row', ({ timings }) => timings.ratio),
      barsByModel(rows, 'Exact SHAP, one row', ({ shap }) => shap.ratio),
    ],
    targets: targetsOf(rows),
  };
}
