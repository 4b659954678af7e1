/// <reference lib="esnext.disposable" preserve="true" />
/** What `loadModel` gives: types that stand alone, so that a consumer's compiler needs no other file of the package. */

/**
 * Rows to score. Either an array of rows, each an array of as many values as the model has features, in the order of
 * `featureNames`; or all values of all rows in one `Float64Array`, row after row, and the number of rows.
 *
 * `null` (in arrays) and `NaN` are missing values. `Infinity` and `-Infinity` are values, larger and smaller than all
 * others, as LightGBM compares them. A categorical feature is its category's number, as in training.
 */
export type RowsArguments = [rows: readonly (readonly (number | null)[])[]] | [values: Float64Array, rowCount: number];

/** A model in this process. */
interface LoadedModel<Score, Contributions> {
  /** The names of the features, in the order of a row's values. */
  readonly featureNames: readonly string[];
  /** `model_version` of metadata.json; undefined where there is none. */
  readonly modelVersion: string | undefined;
  /** LightGBM's name of the objective, such as `binary`, `regression` or `multiclass`; `custom` where it has none. */
  readonly objective: string;
  /** Numbers that the model gives each row: the number of classes of a model of several classes, else 1. */
  readonly outputs: number;
  /** Whether `score` applies a calibrator. */
  readonly calibrated: boolean;
  /** Whether the model has contributions. One with linear leaves, or without row counts in its text, has none. */
  readonly explainable: boolean;

  /**
   * What the model says of each row, in the unit of its objective: the probability of a binary model, the probability
   * of each class, the expected value of a regression; after the calibrator where the version has one.
   * @throws LightscoreError DATA_INVALID, MODEL_DISPOSED
   */
  score(...rows: RowsArguments): Score[];

  /**
   * The raw score of each row, before the objective's transform (log-odds of a binary model): bit for bit LightGBM's
   * `predict(raw_score=True)`.
   * @throws LightscoreError DATA_INVALID, MODEL_DISPOSED
   */
  raw(...rows: RowsArguments): Score[];

  /**
   * TreeSHAP: what each feature adds to the raw score of a row, in the order of `featureNames`, then the expected
   * value; these F + 1 numbers add up to the raw score. LightGBM's `predict(pred_contrib=True)`.
   * @throws LightscoreError DATA_INVALID, MODEL_DISPOSED; MODEL_UNSUPPORTED where the model is not `explainable`
   */
  contributions(...rows: RowsArguments): Contributions[];

  /** Frees the model's memory; every later call of a method throws LightscoreError MODEL_DISPOSED. Can be repeated. */
  dispose(): void;
  /** `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/** A model that gives each row one number: all but those of several classes. */
export interface SingleOutputModel extends LoadedModel<number, number[]> {
  readonly multiclass: false;
}

/** A model of K classes: K numbers a row, and contributions as [K][F + 1]. */
export interface MulticlassModel extends LoadedModel<number[], number[][]> {
  readonly multiclass: true;
}

/** `multiclass` tells the two apart. */
export type Model = SingleOutputModel | MulticlassModel;
