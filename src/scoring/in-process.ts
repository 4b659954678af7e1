/**
 * Scoring without a server: one booster, the kernel called on this thread. For the command line and the library.
 */
import type { Calibrator } from '../artifact/calibrator.js';
import { LightscoreError } from '../errors.js';
import type { Booster } from '../model/booster.js';
import { type Image, compileImage } from '../model/image.js';
import type { Strategy } from '../model/strategies.js';
import { type BoundKernel, type SharedScoringResources, createScoringResources, instantiateKernel } from './kernel.js';
import { type LaneKind, type Lane, createLane, planLane } from './lane.js';
import type { SharedMemory } from './memory.js';

export interface Scores {
  /** [rows][outputs] */
  readonly raw: Float64Array;
  /** [rows][outputs] after the objective's transform */
  readonly prediction: Float64Array;
  /** [rows], equal to the prediction if there is no calibrator; empty if the model has several outputs */
  readonly calibrated: Float64Array;
}

/** Called after each batch with the number of rows done so far. */
export type Progress = (done: number) => void;

const BATCH = { rows: { score: 256, explain: 16 }, bytes: 16 << 20 } as const;

export interface ScorerOptions {
  readonly calibrator?: Calibrator | undefined;
  readonly strategy?: Strategy;
  readonly resources?: SharedScoringResources<SharedMemory>;
}

export class InProcessScorer {
  readonly image: Image;
  readonly #memory: SharedMemory;
  readonly #address: number;
  readonly #kernel: BoundKernel;

  /**
   * @param options.strategy one of `applicableStrategies`; by default the preferred one
   * @param options.resources kernel and memory that several scorers of a thread share; by default its own
   * @throws LightscoreError MODEL_UNSUPPORTED where the booster cannot be compiled
   */
  constructor(
    readonly booster: Booster,
    { calibrator, strategy, resources = createScoringResources() }: ScorerOptions = {},
  ) {
    this.image = compile(booster, calibrator, strategy);
    this.#memory = resources.memory;
    this.#address = this.#memory.allocate(this.image.bytes.length);
    new Uint8Array(this.#memory.memory.buffer, this.#address).set(this.image.bytes);
    this.#kernel = instantiateKernel(resources.module, this.#memory.memory)[this.image.strategy];
  }

  /** Gives the image's memory back; nothing may be scored afterwards. */
  dispose(): void {
    this.#memory.free(this.#address);
  }

  /** @param rows [rows][features], NaN for missing */
  score(rows: Float64Array, progress?: Progress): Scores {
    const { outputs, featureCount } = this.booster;
    const count = rows.length / featureCount;
    const scores = {
      raw: new Float64Array(count * outputs),
      prediction: new Float64Array(count * outputs),
      calibrated: new Float64Array(outputs === 1 ? count : 0),
    };
    this.#inBatches('score', rows, progress, (lane, first, length) => {
      if (outputs === 1) this.#kernel.score(this.#address, lane.address, 0, length);
      else {
        this.#kernel.raw(this.#address, lane.address, 0, length);
        this.#kernel.predict(this.#address, lane.address, 0, length);
      }
      scores.raw.set(lane.raw.subarray(0, length * outputs), first * outputs);
      scores.prediction.set(lane.prediction.subarray(0, length * outputs), first * outputs);
      if (outputs === 1) scores.calibrated.set(lane.calibrated.subarray(0, length), first);
    });
    return scores;
  }

  /**
   * Computes TreeSHAP contributions in raw-score space; the expected value comes last.
   * @param rows [rows][features], NaN for missing
   * @returns [rows][outputs][features + 1]
   * @throws LightscoreError MODEL_UNSUPPORTED if the model cannot be explained
   */
  contributions(rows: Float64Array, progress?: Progress): Float64Array {
    if (this.image.unexplained !== undefined)
      throw new LightscoreError('MODEL_UNSUPPORTED', `this model has no SHAP values: ${this.image.unexplained}`);
    const width = this.booster.outputs * (this.booster.featureCount + 1);
    const result = new Float64Array((rows.length / this.booster.featureCount) * width);
    this.#inBatches('explain', rows, progress, (lane, first, length) => {
      this.#kernel.explain(this.#address, lane.address, 0, length);
      result.set(lane.contributions.subarray(0, length * width), first * width);
    });
    return result;
  }

  #inBatches(
    kind: LaneKind,
    rows: Float64Array,
    progress: Progress | undefined,
    run: (lane: Lane, first: number, length: number) => void,
  ): void {
    const { featureCount } = this.booster;
    const count = rows.length / featureCount;
    const rowBytes = planLane(this.image.shape, 1, kind).bytes;
    const capacity = Math.max(1, Math.min(BATCH.rows[kind], count, Math.floor(BATCH.bytes / rowBytes)));
    const lane = createLane(this.#memory, this.image.shape, capacity, kind);
    try {
      for (let first = 0; first < count; first += capacity) {
        const length = Math.min(capacity, count - first);
        lane.rows.set(rows.subarray(first * featureCount, (first + length) * featureCount));
        run(lane, first, length);
        progress?.(first + length);
      }
    } finally {
      this.#memory.free(lane.address);
    }
  }
}

function compile(booster: Booster, calibrator: Calibrator | undefined, strategy: Strategy | undefined): Image {
  try {
    return compileImage(booster, calibrator, strategy);
  } catch (error) {
    if (error instanceof RangeError) throw new LightscoreError('MODEL_UNSUPPORTED', error.message, { cause: error });
    throw error;
  }
}
