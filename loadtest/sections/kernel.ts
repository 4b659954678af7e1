/** Compares the kernel with LightGBM's own C API on one thread: one row at a time, in batches, and explained. */
import koffi from 'koffi';
import { type ModelSize, type TrainedModel, describeSize, trainedModel } from '../models/trained.js';
import { type Figure, type Section, type Table, type Target, median, short } from '../report/section.js';
import { type Image, compileImage } from '../../src/model/image.js';
import { parseBooster } from '../../src/model/parse.js';
import { type LightGBM, type Booster as NativeBooster, openLightGBM } from '../../src/native/lightgbm.js';
import { type BoundKernel, compileKernel, instantiateKernel } from '../../src/scoring/kernel.js';
import { type Lane, createLane } from '../../src/scoring/lane.js';
import { SharedMemory } from '../../src/scoring/memory.js';
import { Random } from '../../src/train/random.js';
import { MODEL_VERSION, loadDemoModel } from '../traffic/demo-model.js';
import { drawRow } from '../traffic/rows.js';
import type { Effort, Progress } from './run.js';

const BATCH = 64;
const EXPLAINED_ROWS = 32;
/** The rows of a server's lane for explanations. */
const EXPLAINED_BATCH = 16;
const DEMO_ROWS = 2048;
const SHAP_TOLERANCE = 1e-12;

/** The sizes with goals of their own for one row at a time; the goal of `OTHER_SHAPES` is in `GOAL`. */
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

/** Microseconds per row; all are measured in the same rounds. */
interface Timings {
  readonly lightgbm: number;
  readonly one: number;
  readonly batch: number;
  /** All of `/score`'s arithmetic, one row at a time: with transform, calibration and ranking. */
  readonly score: number;
  /** The cost of a call that scores nothing: subtracted from LightGBM's time, included in ours. */
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

/** The model of the HTTP benchmarks, with rows like its own. */
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

/** A model on both sides: compiled for the kernel, and loaded by LightGBM. */
class Subject {
  readonly #model: TrainedModel;
  readonly #image: Image;
  readonly #address: number;
  readonly #lane: Lane;
  readonly #explainLane: Lane;
  readonly #kernel: BoundKernel;
  readonly #native: NativeBooster;
  /** The rows, each in an array of its own. */
  readonly #nativeRows: readonly Float64Array[];

  constructor(lightgbm: LightGBM, model: TrainedModel) {
    const { size, modelText, rows, rowCount } = model;
    this.#model = model;
    this.#image = compileImage(parseBooster(modelText, describeSize(size)));
    const memory = new SharedMemory();
    this.#address = memory.allocate(this.#image.bytes.length);
    this.#lane = createLane(memory, this.#image.shape, rowCount, 'score');
    this.#explainLane = createLane(memory, this.#image.shape, EXPLAINED_ROWS, 'explain');
    this.#kernel = instantiateKernel(compileKernel(), memory.memory)[this.#image.strategy];
    new Uint8Array(memory.memory.buffer, this.#address).set(this.#image.bytes);
    this.#lane.rows.set(rows);
    this.#explainLane.rows.set(rows.subarray(0, EXPLAINED_ROWS * size.features));
    this.#native = lightgbm.load(modelText);
    this.#nativeRows = Array.from({ length: rowCount }, (_, row) =>
      rows.slice(row * size.features, (row + 1) * size.features),
    );
  }

  get strategy(): string {
    return this.#image.strategy;
  }

  get imageBytes(): number {
    return this.#image.bytes.length;
  }

  /** @throws Error where a raw score differs from LightGBM's in any bit */
  timings(roundCount: number): Timings {
    const [address, lane, kernel, nativeRows] = [this.#address, this.#lane, this.#kernel, this.#nativeRows];
    using single = this.#native.singleRowFast('raw');
    const nothing = nothingNative();
    const time = (score: (first: number, end: number) => void): number =>
      timePerRow(score, { rowCount: this.#model.rowCount, step: BATCH });
    const rounds = Array.from({ length: roundCount }, () => ({
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
    if (!this.#native.predictRaw(this.#model.rows).every((score, row) => Object.is(score, lane.raw[row])))
      throw new Error(`${describeSize(this.#model.size)}: raw scores are not LightGBM's bit for bit`);
    return {
      lightgbm: of((round) => round.lightgbm - round.nativeCall),
      one: of(({ one }) => one),
      batch: of(({ batch }) => batch),
      score: of(({ score }) => score),
      nativeCall: of(({ nativeCall }) => nativeCall),
      ourCall: of(({ ourCall }) => ourCall),
      ratio: of((round) => (round.lightgbm - round.nativeCall) / round.one),
      batchGain: of(({ one, batch }) => one / batch),
    };
  }

  /** @throws Error where a contribution differs from LightGBM's by more than the tolerance */
  shapTimings(roundCount: number): ShapTimings {
    const [address, lane, kernel, nativeRows] = [this.#address, this.#explainLane, this.#kernel, this.#nativeRows];
    const { size, rows } = this.#model;
    using explainer = this.#native.singleRowFast('contributions');
    const time = (score: (first: number, end: number) => void, step: number): number =>
      timePerRow(score, { rowCount: EXPLAINED_ROWS, step });
    const rounds = Array.from({ length: roundCount }, () => ({
      lightgbm: time((row) => explainer.predict(nativeRows[row]), 1),
      one: time((row) => kernel.explain(address, lane.address, row, row + 1), 1),
      batch: time((first, end) => kernel.explain(address, lane.address, first, end), EXPLAINED_BATCH),
    }));
    const contributions = this.#native.contributions(rows.slice(0, EXPLAINED_ROWS * size.features));
    const worstDifference = maxDifference(lane.contributions, contributions, size.features + 1);
    if (worstDifference > SHAP_TOLERANCE)
      throw new Error(
        `${describeSize(size)}: a contribution differs from LightGBM's by ${worstDifference} of its row's largest`,
      );
    return {
      lightgbm: median(rounds.map((round) => round.lightgbm)),
      one: median(rounds.map(({ one }) => one)),
      batch: median(rounds.map(({ batch }) => batch)),
      ratio: median(rounds.map((round) => round.lightgbm / round.one)),
      worstDifference,
    };
  }

  free(): void {
    this.#native.free();
  }
}

function compare(lightgbm: LightGBM, model: TrainedModel, effort: Effort): Row {
  const subject = new Subject(lightgbm, model);
  try {
    return {
      size: model.size,
      strategy: subject.strategy,
      imageBytes: subject.imageBytes,
      timings: subject.timings(effort.rounds + 2),
      shap: subject.shapTimings(effort.rounds),
    };
  } finally {
    subject.free();
  }
}

/** Number of passes over all rows in one round. */
const PASSES = 5;

/**
 * @param score scores the rows first..end
 * @param step number of rows in one call. Of each such group the fastest pass counts, because all that other programs
 * do can only add to the time
 * @returns microseconds per row
 */
function timePerRow(
  score: (first: number, end: number) => void,
  { rowCount, step }: { readonly rowCount: number; readonly step: number },
): number {
  const best = new Float64Array(rowCount / step).fill(Infinity);
  for (let pass = 0; pass < PASSES; pass++) {
    for (let group = 0; group < best.length; group++) {
      const started = performance.now();
      score(group * step, (group + 1) * step);
      best[group] = Math.min(best[group], performance.now() - started);
    }
  }
  return (best.reduce((sum, milliseconds) => sum + milliseconds, 0) * 1000) / rowCount;
}

/** The largest difference between two tables, relative to the largest value of its row. */
function maxDifference(ours: Float64Array, theirs: Float64Array, width: number): number {
  let max = 0;
  for (let start = 0; start < theirs.length; start += width) {
    const scale = Math.max(...theirs.subarray(start, start + width).map(Math.abs));
    for (let i = start; i < start + width; i++) max = Math.max(max, Math.abs(ours[i] - theirs[i]) / scale);
  }
  return max;
}

/** A C function that does next to nothing, called with the same arguments as LightGBM's: measures koffi's own cost. */
function nothingNative(): (row: Float64Array) => void {
  const pageSize = koffi.load(null).func('int getpagesize(void *config, void *row, void *length, void *results)');
  const [length, results] = [new BigInt64Array(1), new Float64Array(1)];
  const config = koffi.address(results);
  return (row) => pageSize(config, row, length, results);
}

function report(rows: readonly Row[], effort: Effort, version: string): Section {
  return {
    id: 'kernel',
    title: 'Kernel against LightGBM',
    about:
      `One thread. LightGBM ${version}: PredictForMatSingleRowFast (num_threads=1) through koffi, whose own call ` +
      'cost is measured with a C function that does nothing and subtracted; ours is called from JavaScript, and its ' +
      "call cost is included. Raw scores of 2,048 rows with missing values, all bit-identical to LightGBM's (checked " +
      `in this run). Medians of ${effort.rounds + 2} alternating rounds of ${PASSES} passes, of which the fastest ` +
      `counts for each group of ${BATCH} rows; ratios are medians of each round's own.`,
    tables: [scoreTable(rows), shapTable(rows)],
    figures: [timesByTrees(rows)],
    targets: rows.filter(({ size }) => size.name === undefined).flatMap(targetsOf),
  };
}

function targetsOf({ size, timings, shap }: Row): Target[] {
  const goal = SEED_SIZES.find((seed) => seed === size)?.goal;
  const targets: Target[] = [
    {
      what: `one row, ${describeSize(size)}: times faster than LightGBM`,
      value: timings.ratio,
      bound: 'at least',
      goal: goal ?? GOAL.otherShape,
    },
  ];
  if (goal === undefined) return targets;
  targets.push({
    what: `batches of ${BATCH}, ${describeSize(size)}: times faster than one row`,
    value: timings.batchGain,
    bound: 'at least',
    goal: GOAL.batch,
  });
  if (size.trees === GOAL.explainedTrees) {
    targets.push({
      what: `TreeSHAP, ${describeSize(size)}: times faster than LightGBM`,
      value: shap.ratio,
      bound: 'at least',
      goal: GOAL.explain,
    });
  }
  return targets;
}

function scoreTable(rows: readonly Row[]): Table {
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

function shapTable(rows: readonly Row[]): Table {
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

function timesByTrees(rows: readonly Row[]): Figure {
  const seeds = rows.filter(({ size }) => SEED_SIZES.some((seed) => seed === size));
  return {
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
  };
}
