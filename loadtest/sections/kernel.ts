/** The kernel on one thread against LightGBM's own C API, one row at a time, in batches, and explained. */
import koffi from 'koffi';
import { type ModelSize, type TrainedModel, describeSize, trainedModel } from '../models/trained.js';
import { type Section, type Target, median, short } from '../report/section.js';
import { compileImage } from '../../src/model/image.js';
import { parseBooster } from '../../src/model/parse.js';
import { type LightGBM, openLightGBM } from '../../src/native/lightgbm.js';
import { compileKernel, instantiateKernel } from '../../src/scoring/kernel.js';
import { createLane } from '../../src/scoring/lane.js';
import { SharedMemory } from '../../src/scoring/memory.js';
import { Random } from '../../src/train/random.js';
import { MODEL_VERSION, loadDemoModel } from '../traffic/demo-model.js';
import { drawRow } from '../traffic/rows.js';
import type { Effort, Progress } from './run.js';

const BATCH = 64;
const EXPLAINED_ROWS = 32;
/** Rows of a lane of the server's for explanations. */
const EXPLAINED_BATCH = 16;
const DEMO_ROWS = 2048;
const SHAP_TOLERANCE = 1e-12;

/** Goals of one row at a time, by size; where none is named, `OTHER_SHAPES`. */
const SEED_SIZES: readonly (ModelSize & { readonly goal: number })[] = [57, 100, 300, 1000].map((trees, i) => ({
  features: 15,
  leaves: 31,
  trees,
  goal: [8, 12, 18, 30][i],
}));
const OTHER_SHAPES: readonly ModelSize[] = [
  { features: 15, leaves: 63, trees: 300 },
  { features: 15, leaves: 127, trees: 300 },
  { features: 15, leaves: 255, trees: 300 },
  { features: 100, leaves: 31, trees: 300 },
  { features: 500, leaves: 31, trees: 300 },
  { features: 15, leaves: 31, trees: 300, categorical: 5 },
];
const GOAL = { otherShape: 3, batch: 1.5, explain: 20, explainedTrees: 300 } as const;

/** Microseconds a row; every rival measured in the same rounds. */
interface Timings {
  readonly lightgbm: number;
  readonly one: number;
  readonly batch: number;
  /** The whole of `/score`'s arithmetic, one row at a time: with transform, calibration and ranking. */
  readonly score: number;
  /** What a call costs that scores nothing: taken off LightGBM's, left in ours. */
  readonly nativeCall: number;
  readonly ourCall: number;
  readonly ratio: number;
  readonly batchGain: number;
}

interface ShapTimings {
  readonly lightgbm: number;
  readonly one: number;
  readonly batch: number;
  readonly ratio: number;
  readonly worstDifference: number;
}

interface Row {
  readonly size: ModelSize;
  readonly strategy: string;
  readonly imageBytes: number;
  readonly timings: Timings;
  readonly shap: ShapTimings;
}

export async function kernelSection(effort: Effort, progress: Progress): Promise<Section> {
  const lightgbm = await openLightGBM(progress);
  const sizes = effort.quick ? SEED_SIZES.slice(0, 3) : [...SEED_SIZES, ...OTHER_SHAPES];
  const rows = sizes.map((size) => {
    progress(`kernel: ${describeSize(size)}`);
    return compare(lightgbm, trainedModel(lightgbm, size, progress), effort);
  });
  progress('kernel: the demo model');
  rows.push(compare(lightgbm, await demoModel(), effort));
  return report(rows, effort, lightgbm.version);
}

/** The model of the HTTP benchmarks on rows like its own. */
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

/** @throws Error where a raw score differs from LightGBM's in any bit */
function compare(lightgbm: LightGBM, { size, modelText, rows, rowCount }: TrainedModel, effort: Effort): Row {
  const booster = parseBooster(modelText, describeSize(size));
  const image = compileImage(booster);
  const memory = new SharedMemory();
  const address = memory.allocate(image.bytes.length);
  const lane = createLane(memory, image.shape, rowCount, 'score');
  const explainLane = createLane(memory, image.shape, EXPLAINED_ROWS, 'explain');
  const kernel = instantiateKernel(compileKernel(), memory.memory)[image.strategy];
  new Uint8Array(memory.memory.buffer, address).set(image.bytes);
  lane.rows.set(rows);
  explainLane.rows.set(rows.subarray(0, EXPLAINED_ROWS * size.features));

  const native = lightgbm.load(modelText);
  const single = native.singleRowFast('raw');
  const nativeRows = Array.from({ length: rowCount }, (_, row) =>
    rows.slice(row * size.features, (row + 1) * size.features),
  );
  const nothing = nothingNative();
  const time = (score: (first: number, end: number) => void): number => timePerRow(score, rowCount, BATCH);
  const rounds = Array.from({ length: effort.rounds + 2 }, () => ({
    lightgbm: time((first, end) => {
      for (let row = first; row < end; row++) single.predict(nativeRows[row]);
    }),
    one: time((first, end) => {
      for (let row = first; row < end; row++) kernel.raw(address, lane.address, row, row + 1);
    }),
    batch: time((first, end) => kernel.raw(address, lane.address, first, end)),
    score: time((first, end) => {
      for (let row = first; row < end; row++) kernel.score(address, lane.address, row, row + 1);
    }),
    nativeCall: time((first, end) => {
      for (let row = first; row < end; row++) nothing(nativeRows[row]);
    }),
    ourCall: time((first, end) => {
      for (let row = first; row < end; row++) kernel.raw(address, lane.address, row, row);
    }),
  }));
  const of = (read: (round: (typeof rounds)[number]) => number): number => median(rounds.map(read));

  single.free();
  const explainer = native.singleRowFast('contributions');
  const shapRows = rows.slice(0, EXPLAINED_ROWS * size.features);
  const shapRounds = Array.from({ length: effort.rounds }, () => ({
    lightgbm: timePerRow((row) => explainer.predict(nativeRows[row]), EXPLAINED_ROWS, 1),
    one: timePerRow((row) => kernel.explain(address, explainLane.address, row, row + 1), EXPLAINED_ROWS, 1),
    batch: timePerRow(
      (first, end) => kernel.explain(address, explainLane.address, first, end),
      EXPLAINED_ROWS,
      EXPLAINED_BATCH,
    ),
  }));
  const contributions = native.contributions(shapRows);
  const worstDifference = worst(explainLane.contributions, contributions, size.features + 1);
  if (worstDifference > SHAP_TOLERANCE)
    throw new Error(
      `${describeSize(size)}: a contribution differs from LightGBM's by ${worstDifference} of its row's largest`,
    );
  if (!native.predictRaw(rows).every((score, row) => Object.is(score, lane.raw[row])))
    throw new Error(`${describeSize(size)}: raw scores are not LightGBM's bit for bit`);
  explainer.free();
  native.free();
  return {
    size,
    strategy: image.strategy,
    imageBytes: image.bytes.length,
    timings: {
      lightgbm: of((round) => round.lightgbm - round.nativeCall),
      one: of(({ one }) => one),
      batch: of(({ batch }) => batch),
      score: of(({ score }) => score),
      nativeCall: of(({ nativeCall }) => nativeCall),
      ourCall: of(({ ourCall }) => ourCall),
      ratio: of((round) => (round.lightgbm - round.nativeCall) / round.one),
      batchGain: of(({ one, batch }) => one / batch),
    },
    shap: {
      lightgbm: median(shapRounds.map((round) => round.lightgbm)),
      one: median(shapRounds.map(({ one }) => one)),
      batch: median(shapRounds.map(({ batch }) => batch)),
      ratio: median(shapRounds.map((round) => round.lightgbm / round.one)),
      worstDifference,
    },
  };
}

/** Passes over all rows in one round. */
const PASSES = 5;

/**
 * @param score scores the rows first..end
 * @param step rows at a time: each stretch counts with its fastest pass, as whatever else ran on the machine only ever
 * adds
 * @returns microseconds a row
 */
function timePerRow(score: (first: number, end: number) => void, rowCount: number, step: number): number {
  const best = new Float64Array(rowCount / step).fill(Infinity);
  for (let pass = 0; pass < PASSES; pass++) {
    for (let stretch = 0; stretch < best.length; stretch++) {
      const started = performance.now();
      score(stretch * step, (stretch + 1) * step);
      best[stretch] = Math.min(best[stretch], performance.now() - started);
    }
  }
  return (best.reduce((sum, milliseconds) => sum + milliseconds, 0) * 1000) / rowCount;
}

/** Largest difference of two tables, in ratio to the largest value of its row. */
function worst(ours: Float64Array, theirs: Float64Array, width: number): number {
  let most = 0;
  for (let start = 0; start < theirs.length; start += width) {
    const scale = Math.max(...theirs.subarray(start, start + width).map(Math.abs));
    for (let i = start; i < start + width; i++) most = Math.max(most, Math.abs(ours[i] - theirs[i]) / scale);
  }
  return most;
}

/** A C function that does next to nothing, called with the arguments of LightGBM's: what koffi itself costs. */
function nothingNative(): (row: Float64Array) => void {
  const pageSize = koffi.load(null).func('int getpagesize(void *config, void *row, void *length, void *results)');
  const [length, results] = [new BigInt64Array(1), new Float64Array(1)];
  const config = koffi.address(results);
  return (row) => pageSize(config, row, length, results);
}

function report(rows: readonly Row[], effort: Effort, version: string): Section {
  const seeds = rows.filter(({ size }) => SEED_SIZES.some((seed) => seed === size));
  const targets = rows
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
  return {
    id: 'kernel',
    title: 'Kernel against LightGBM',
    about:
      `One thread. LightGBM ${version}: PredictForMatSingleRowFast (num_threads=1) through koffi, whose own call cost is measured with a C function that does nothing and taken off; ours is called from JavaScript with its call cost left in. ` +
      `Raw scores of 2,048 rows with missing values, all bit-identical to LightGBM's (checked in this run). Medians of ${effort.rounds + 2} alternating rounds of ${PASSES} passes, of which each stretch of ${BATCH} rows counts with its fastest; ratios are medians of each round's own.`,
    tables: [
      {
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
      },
      {
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
      },
    ],
    figures: [
      {
        title: 'Microseconds a row by number of trees',
        caption: '15 features, 31 leaves; both axes are logarithmic.',
        kind: 'line',
        xLabel: 'trees',
        yLabel: 'microseconds a row',
        series: [
          { name: 'LightGBM, one row', points: seeds.map(({ size, timings }) => [size.trees, timings.lightgbm]) },
          { name: 'Lightscore, one row', points: seeds.map(({ size, timings }) => [size.trees, timings.one]) },
          {
            name: `Lightscore, batches of ${BATCH}`,
            points: seeds.map(({ size, timings }) => [size.trees, timings.batch]),
          },
        ],
      },
    ],
    targets,
  };
}
