/** Times the kernel and LightGBM on the same model and rows, on one thread, and verifies that they agree. */
import koffi from 'koffi';
import { type ModelSize, type TrainedModel, describeSize } from '../models/trained.js';
import { median } from '../report/section.js';
import { compileImage } from '../../src/model/image.js';
import { parseBooster } from '../../src/model/parse.js';
import type { Booster, LightGBM } from '../../src/native/lightgbm.js';
import { type BoundKernel, compileKernel, instantiateKernel } from '../../src/scoring/kernel.js';
import { type Lane, createLane } from '../../src/scoring/lane.js';
import { SharedMemory } from '../../src/scoring/memory.js';
import type { Effort } from './run.js';

/** Rows of one batch. */
export const BATCH = 64;
/** Rows of a batch of explanations: the capacity of such a lane in the server. */
export const EXPLAINED_BATCH = 16;
/** Passes over all rows in one round. */
export const PASSES = 5;

const EXPLAINED_ROWS = 32;
const SHAP_TOLERANCE = 1e-12;

/** Microseconds per row; all of them are measured in the same rounds. */
interface Timings {
  readonly lightgbm: number;
  readonly one: number;
  readonly batch: number;
  /** The whole arithmetic of `/score`, one row at a time: with transform, calibration and ranking. */
  readonly score: number;
  /** The cost of a call that scores nothing; it is subtracted from LightGBM's time, and included in the kernel's. */
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

export interface KernelTimings {
  readonly size: ModelSize;
  readonly strategy: string;
  readonly imageBytes: number;
  readonly timings: Timings;
  readonly shap: ShapTimings;
}

/** A model in both implementations, and the rows that both score. */
interface Subject {
  readonly model: TrainedModel;
  readonly native: Booster;
  /** The rows of the model, each in an array of its own. */
  readonly nativeRows: readonly Float64Array[];
  readonly kernel: BoundKernel;
  /** Address of the image. */
  readonly image: number;
  readonly lane: Lane;
  readonly explainLane: Lane;
}

/** @throws Error if a raw score differs from LightGBM's in any bit, or a contribution by more than a rounding */
export function timeKernel(lightgbm: LightGBM, model: TrainedModel, effort: Effort): KernelTimings {
  const { size, modelText, rows, rowCount } = model;
  const compiled = compileImage(parseBooster(modelText, describeSize(size)));
  const memory = new SharedMemory();
  const image = memory.allocate(compiled.bytes.length);
  const lane = createLane(memory, compiled.shape, rowCount, 'score');
  const explainLane = createLane(memory, compiled.shape, EXPLAINED_ROWS, 'explain');
  const kernel = instantiateKernel(compileKernel(), memory.memory)[compiled.strategy];
  new Uint8Array(memory.memory.buffer, image).set(compiled.bytes);
  lane.rows.set(rows);
  explainLane.rows.set(rows.subarray(0, EXPLAINED_ROWS * size.features));
  const native = lightgbm.load(modelText);
  const nativeRows = Array.from({ length: rowCount }, (_, row) =>
    rows.slice(row * size.features, (row + 1) * size.features),
  );
  const subject: Subject = { model, native, nativeRows, kernel, image, lane, explainLane };
  const timings = timeScores(subject, effort.rounds + 2);
  const shap = timeExplanations(subject, effort.rounds);
  if (!native.predictRaw(rows).every((score, row) => Object.is(score, lane.raw[row])))
    throw new Error(`${describeSize(size)}: raw scores are not LightGBM's bit for bit`);
  native.free();
  return { size, strategy: compiled.strategy, imageBytes: compiled.bytes.length, timings, shap };
}

function timeScores({ model, native, nativeRows, kernel, image, lane }: Subject, rounds: number): Timings {
  const single = native.singleRowFast('raw');
  const nothing = nothingNative();
  const time = (score: (first: number, end: number) => void): number =>
    timePerRow(score, { rowCount: model.rowCount, step: BATCH });
  const measured = Array.from({ length: rounds }, () => ({
    lightgbm: time((first, end) => {
      for (let row = first; row < end; row++) single.predict(nativeRows[row]);
    }),
    one: time((first, end) => {
      for (let row = first; row < end; row++) kernel.raw(image, lane.address, row, row + 1);
    }),
    batch: time((first, end) => kernel.raw(image, lane.address, first, end)),
    score: time((first, end) => {
      for (let row = first; row < end; row++) kernel.score(image, lane.address, row, row + 1);
    }),
    nativeCall: time((first, end) => {
      for (let row = first; row < end; row++) nothing(nativeRows[row]);
    }),
    ourCall: time((first, end) => {
      for (let row = first; row < end; row++) kernel.raw(image, lane.address, row, row);
    }),
  }));
  single.free();
  const medianOf = (read: (round: (typeof measured)[number]) => number): number => median(measured.map(read));
  return {
    lightgbm: medianOf((round) => round.lightgbm - round.nativeCall),
    one: medianOf(({ one }) => one),
    batch: medianOf(({ batch }) => batch),
    score: medianOf(({ score }) => score),
    nativeCall: medianOf(({ nativeCall }) => nativeCall),
    ourCall: medianOf(({ ourCall }) => ourCall),
    ratio: medianOf((round) => (round.lightgbm - round.nativeCall) / round.one),
    batchGain: medianOf(({ one, batch }) => one / batch),
  };
}

function timeExplanations(subject: Subject, rounds: number): ShapTimings {
  const { model, native, nativeRows, kernel, image, explainLane } = subject;
  const { size, rows } = model;
  const explainer = native.singleRowFast('contributions');
  const time = (explain: (first: number, end: number) => void, step: number): number =>
    timePerRow(explain, { rowCount: EXPLAINED_ROWS, step });
  const explainRows = (first: number, end: number): void => kernel.explain(image, explainLane.address, first, end);
  const measured = Array.from({ length: rounds }, () => ({
    lightgbm: time((row) => explainer.predict(nativeRows[row]), 1),
    one: time(explainRows, 1),
    batch: time(explainRows, EXPLAINED_BATCH),
  }));
  const theirs = native.contributions(rows.slice(0, EXPLAINED_ROWS * size.features));
  const worstDifference = maxDifference(explainLane.contributions, { theirs, width: size.features + 1 });
  if (worstDifference > SHAP_TOLERANCE)
    throw new Error(
      `${describeSize(size)}: a contribution differs from LightGBM's by ${worstDifference} of its row's largest`,
    );
  explainer.free();
  return {
    lightgbm: median(measured.map((round) => round.lightgbm)),
    one: median(measured.map(({ one }) => one)),
    batch: median(measured.map(({ batch }) => batch)),
    ratio: median(measured.map((round) => round.lightgbm / round.one)),
    worstDifference,
  };
}

/**
 * Sums the fastest pass of each step, because other programs on the machine only ever add time.
 * @param score scores the rows first..end
 * @param step number of rows that are timed together
 * @returns microseconds per row
 */
function timePerRow(
  score: (first: number, end: number) => void,
  { rowCount, step }: { readonly rowCount: number; readonly step: number },
): number {
  const best = new Float64Array(rowCount / step).fill(Infinity);
  for (let pass = 0; pass < PASSES; pass++) {
    for (let i = 0; i < best.length; i++) {
      const started = performance.now();
      score(i * step, (i + 1) * step);
      best[i] = Math.min(best[i], performance.now() - started);
    }
  }
  return (best.reduce((sum, milliseconds) => sum + milliseconds, 0) * 1000) / rowCount;
}

/** Returns the largest difference of two tables, relative to the largest value of its row. */
function maxDifference(
  ours: Float64Array,
  { theirs, width }: { readonly theirs: Float64Array; readonly width: number },
): number {
  let max = 0;
  for (let start = 0; start < theirs.length; start += width) {
    const scale = Math.max(...theirs.subarray(start, start + width).map(Math.abs));
    for (let i = start; i < start + width; i++) max = Math.max(max, Math.abs(ours[i] - theirs[i]) / scale);
  }
  return max;
}

/** Returns a C function that does almost nothing, called with LightGBM's arguments: it measures the cost of koffi. */
function nothingNative(): (row: Float64Array) => void {
  const pageSize = koffi.load(null).func('int getpagesize(void *config, void *row, void *length, void *results)');
  const [length, results] = [new BigInt64Array(1), new Float64Array(1)];
  const config = koffi.address(results);
  return (row) => pageSize(config, row, length, results);
}
