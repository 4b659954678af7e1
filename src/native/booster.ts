/** A native LightGBM booster: training, prediction and its text. */
import type { Dataset } from './dataset.js';
import { NativeHandle, NativeOwner } from './handle.js';
import { cString, FLOAT64, type Library, type Pointer } from './library.js';
import { type Parameters, parameterString } from './parameters.js';

/** LightGBM's `C_API_PREDICT_*`. */
const PREDICTION = { normal: 0, raw: 1, leaf: 2, contributions: 3 } as const;
export type Prediction = keyof typeof PREDICTION;

export interface PredictOptions {
  readonly startIteration?: number;
  /** Iterations to use; all by default. */
  readonly iterations?: number;
  /** LightGBM's prediction parameters; `num_threads=1` by default. */
  readonly parameters?: Parameters;
}

const ONE_THREAD: Parameters = { num_threads: 1 };

/** A LightGBM model: loaded from its text for prediction, or being trained. */
export class Booster extends NativeOwner {
  /** Number of features the model was trained with: the width of a row. */
  readonly featureCount: number;
  /** Scores per row: 1, or the number of classes. */
  readonly classCount: number;

  readonly #library: Library;

  private constructor(handle: NativeHandle, library: Library) {
    super(handle);
    this.#library = library;
    this.featureCount = this.#getInt('LGBM_BoosterGetNumFeature');
    this.classCount = this.#getInt('LGBM_BoosterGetNumClasses');
  }

  /** @throws LightscoreError NATIVE_FAILED if LightGBM refuses the text */
  static load(library: Library, modelText: Uint8Array): Booster {
    const out = new BigUint64Array(1);
    library.call('LGBM_BoosterLoadModelFromString', cString(modelText), new Int32Array(1), out);
    return Booster.#own(library, out[0]);
  }

  /** Creates a booster without trees, to be trained with `update`. */
  static forTraining(library: Library, train: Dataset, parameters: Parameters): Booster {
    const out = new BigUint64Array(1);
    library.call('LGBM_BoosterCreate', train.handle.address, parameterString(parameters), out);
    const booster = Booster.#own(library, out[0]);
    booster.handle.keep(train.handle);
    return booster;
  }

  static #own(library: Library, pointer: Pointer): Booster {
    return new Booster(
      new NativeHandle(pointer, (address) => library.call('LGBM_BoosterFree', address), 'booster'),
      library,
    );
  }

  /** Adds validation data, which `evaluate` numbers from 1 in the order of addition (0 is the training data). */
  addValidation(dataset: Dataset): void {
    this.#library.call('LGBM_BoosterAddValidData', this.handle.address, dataset.handle.address);
    this.handle.keep(dataset.handle);
  }

  /** Runs one boosting iteration. @returns true when no tree could be split any more: training is over */
  update(): boolean {
    return this.#getInt('LGBM_BoosterUpdateOneIter') !== 0;
  }

  /** Removes the last iteration. */
  rollback(): void {
    this.#library.call('LGBM_BoosterRollbackOneIter', this.handle.address);
  }

  /**
   * Inserts the trees of `other` before this booster's own. This completes continued training, in which this booster
   * starts from the raw scores of `other`.
   */
  mergeBefore(other: Booster): void {
    this.#library.call('LGBM_BoosterMerge', this.handle.address, other.handle.address);
  }

  get iterations(): number {
    return this.#getInt('LGBM_BoosterGetCurrentIteration');
  }

  get treesPerIteration(): number {
    return this.#getInt('LGBM_BoosterNumModelPerIteration');
  }

  /** The metrics in force, in the order of `evaluate`. */
  metricNames(): string[] {
    return this.#names('LGBM_BoosterGetEvalNames', this.#getInt('LGBM_BoosterGetEvalCounts'));
  }

  featureNames(): string[] {
    return this.#names('LGBM_BoosterGetFeatureNames', this.featureCount);
  }

  /** Returns one value per metric, on training data (0) or on the n-th validation data. */
  evaluate(dataset: number): Float64Array {
    const results = new Float64Array(this.#getInt('LGBM_BoosterGetEvalCounts'));
    this.#library.call('LGBM_BoosterGetEval', this.handle.address, dataset, new Int32Array(1), results);
    return results;
  }

  /** Returns raw scores, `classCount` per row, of row-major rows. */
  predictRaw(rows: Float64Array, options?: PredictOptions): Float64Array {
    return this.#run('raw', rows, options);
  }

  /** Returns scores after the objective's transform (probabilities for `binary`), `classCount` per row. */
  predict(rows: Float64Array, options?: PredictOptions): Float64Array {
    return this.#run('normal', rows, options);
  }

  /** Returns SHAP values, `classCount * (featureCount + 1)` per row; the last of each class is the expected value. */
  contributions(rows: Float64Array, options?: PredictOptions): Float64Array {
    return this.#run('contributions', rows, options);
  }

  /** Returns the index of the leaf that each row reaches, one number per tree and row. */
  leaves(rows: Float64Array, options?: PredictOptions): Float64Array {
    return this.#run('leaf', rows, options);
  }

  /** Prepares LightGBM's fastest way to score one row, on one thread. */
  singleRowFast(kind: Prediction = 'raw'): SingleRowPredictor {
    return SingleRowPredictor.create(this.#library, this, PREDICTION[kind]);
  }

  /** Returns the text of the model, as `Booster.save_model` writes it; `importance` is the kind listed at its end. */
  saveModelToString(
    options: {
      readonly startIteration?: number;
      readonly iterations?: number;
      readonly importance?: 'split' | 'gain';
    } = {},
  ): string {
    const length = new BigInt64Array(1);
    const save = (text: Buffer) =>
      this.#library.call(
        'LGBM_BoosterSaveModelToString',
        this.handle.address,
        options.startIteration ?? 0,
        options.iterations ?? -1,
        options.importance === 'gain' ? 1 : 0,
        text.length,
        length,
        text,
      );
    let text: Buffer = Buffer.alloc(1 << 20);
    save(text);
    if (Number(length[0]) > text.length) {
      text = Buffer.alloc(Number(length[0]));
      save(text);
    }
    return text.toString('utf8', 0, Number(length[0]) - 1);
  }

  /** Returns one value per feature: its number of splits, or the total gain of its splits. */
  featureImportance(kind: 'split' | 'gain', iterations = 0): Float64Array {
    const results = new Float64Array(this.featureCount);
    this.#library.call(
      'LGBM_BoosterFeatureImportance',
      this.handle.address,
      iterations,
      kind === 'gain' ? 1 : 0,
      results,
    );
    return results;
  }

  #run(kind: Prediction, rows: Float64Array, options: PredictOptions = {}): Float64Array {
    const count = rows.length / this.featureCount;
    if (!Number.isInteger(count)) throw new Error(`${rows.length} values are not whole rows of ${this.featureCount}`);
    if (count === 0) return new Float64Array(0);
    const { startIteration = 0, iterations = -1, parameters = ONE_THREAD } = options;
    const length = new BigInt64Array(1);
    this.#library.call(
      'LGBM_BoosterCalcNumPredict',
      this.handle.address,
      count,
      PREDICTION[kind],
      startIteration,
      iterations,
      length,
    );
    const results = new Float64Array(Number(length[0]));
    this.#library.call(
      'LGBM_BoosterPredictForMat',
      this.handle.address,
      rows,
      FLOAT64,
      count,
      this.featureCount,
      1,
      PREDICTION[kind],
      startIteration,
      iterations,
      parameterString(parameters),
      length,
      results,
    );
    return results;
  }

  #getInt(
    name:
      | 'LGBM_BoosterGetNumFeature'
      | 'LGBM_BoosterGetNumClasses'
      | 'LGBM_BoosterUpdateOneIter'
      | 'LGBM_BoosterGetCurrentIteration'
      | 'LGBM_BoosterNumModelPerIteration'
      | 'LGBM_BoosterGetEvalCounts',
  ): number {
    const out = new Int32Array(1);
    this.#library.call(name, this.handle.address, out);
    return out[0];
  }

  #names(name: 'LGBM_BoosterGetEvalNames' | 'LGBM_BoosterGetFeatureNames', count: number): string[] {
    if (count === 0) return [];
    const longest = new BigUint64Array(1);
    const read = (capacity: number) => {
      // At this size V8 allocates the memory outside its own heap; the address must stay valid.
      const text = Buffer.alloc(Math.max(count * capacity, 4096));
      const start = this.#library.address(text);
      const addresses = BigUint64Array.from({ length: count }, (_, index) => start + BigInt(index * capacity));
      this.#library.call(name, this.handle.address, count, new Int32Array(1), capacity, longest, addresses);
      return Array.from({ length: count }, (_, index) =>
        text.toString('utf8', index * capacity, text.indexOf(0, index * capacity)),
      );
    };
    const first = read(64);
    return Number(longest[0]) > 64 ? read(Number(longest[0])) : first;
  }
}

/**
 * See {@link Booster.singleRowFast}. A booster has at most one at a time: LightGBM keeps the latest one's configuration
 * in the booster itself.
 */
export class SingleRowPredictor extends NativeOwner {
  readonly #length = new BigInt64Array(1);
  readonly #address: Pointer;

  readonly #library: Library;

  private constructor(
    handle: NativeHandle,
    library: Library,
    /** The scores of the last row. */
    readonly results: Float64Array,
  ) {
    super(handle);
    this.#library = library;
    this.#address = handle.address;
  }

  static create(library: Library, booster: Booster, kind: number): SingleRowPredictor {
    const out = new BigUint64Array(1);
    library.call(
      'LGBM_BoosterPredictForMatSingleRowFastInit',
      booster.handle.address,
      kind,
      0,
      -1,
      FLOAT64,
      booster.featureCount,
      parameterString(ONE_THREAD),
      out,
    );
    const handle = new NativeHandle(
      out[0],
      (address) => library.call('LGBM_FastConfigFree', address),
      'single-row predictor',
    );
    handle.keep(booster.handle);
    const length = new BigInt64Array(1);
    library.call('LGBM_BoosterCalcNumPredict', booster.handle.address, 1, kind, 0, -1, length);
    return new SingleRowPredictor(handle, library, new Float64Array(Number(length[0])));
  }

  /**
   * Scores one row of `featureCount` values into `results` and returns the first score. Must not be called after
   * `free`.
   */
  predict(row: Float64Array): number {
    this.#library.predictSingleRowFast(this.#address, row, this.#length, this.results);
    return this.results[0];
  }
}
