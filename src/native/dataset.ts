/** A native LightGBM data set: binned features with labels, weights and initial scores. */
import { NativeHandle, NativeOwner } from './handle.js';
import { FLOAT32, FLOAT64, INT32, type Library, type Pointer } from './library.js';
import { type Parameters, parameterString } from './parameters.js';

export interface DatasetSource {
  /**
   * Holds `rows * columns` numbers; NaN is a missing value. LightGBM bins them into memory of its own, so the caller
   * need not keep them.
   */
  readonly values: Float64Array;
  readonly rows: number;
  /** `row` is row-major (default), `column` is column-major. */
  readonly order?: 'row' | 'column';
  readonly featureNames?: readonly string[];
  /** One label per row, like the weights; LightGBM stores both as 32-bit floats. */
  readonly label?: ArrayLike<number>;
  readonly weight?: ArrayLike<number>;
  /** Raw scores to start from: one per row; for several classes, all rows of one class after another. */
  readonly initScore?: Float64Array;
  /** Rows in each query, in order, for ranking objectives. */
  readonly group?: ArrayLike<number>;
  /** The training data, if these are validation data: both must have the same bins. */
  readonly reference?: Dataset;
  /** Parameters such as `max_bin` and `categorical_feature`; they must agree with the booster's. */
  readonly parameters?: Parameters;
}

/** Binned training or validation data. */
export class Dataset extends NativeOwner {
  readonly #library: Library;

  private constructor(
    handle: NativeHandle,
    library: Library,
    readonly rows: number,
    readonly columns: number,
  ) {
    super(handle);
    this.#library = library;
  }

  /** @throws LightscoreError NATIVE_FAILED with LightGBM's reason */
  static create(library: Library, source: DatasetSource): Dataset {
    const { values, rows } = source;
    const columns = values.length / rows;
    if (!Number.isInteger(columns) || rows < 1) throw new Error(`${values.length} values are not ${rows} whole rows`);
    const out = new BigUint64Array(1);
    library.call(
      'LGBM_DatasetCreateFromMat',
      values,
      FLOAT64,
      rows,
      columns,
      source.order === 'column' ? 0 : 1,
      parameterString(source.parameters ?? {}),
      source.reference?.handle.address ?? null,
      out,
    );
    const dataset = Dataset.#own(library, out[0], { rows, columns });
    if (source.reference) dataset.handle.keep(source.reference.handle);
    if (source.featureNames)
      library.call(
        'LGBM_DatasetSetFeatureNames',
        dataset.handle.address,
        source.featureNames,
        source.featureNames.length,
      );
    if (source.label) dataset.#setField('label', Float32Array.from(source.label), FLOAT32);
    if (source.weight) dataset.#setField('weight', Float32Array.from(source.weight), FLOAT32);
    if (source.initScore) dataset.#setField('init_score', source.initScore, FLOAT64);
    if (source.group) dataset.#setField('group', Int32Array.from(source.group), INT32);
    return dataset;
  }

  /** Returns the given rows (ascending indices) with the same bins, labels and weights: for cross-validation. */
  subset(rows: Int32Array, parameters: Parameters = {}): Dataset {
    const out = new BigUint64Array(1);
    this.#library.call(
      'LGBM_DatasetGetSubset',
      this.handle.address,
      rows,
      rows.length,
      parameterString(parameters),
      out,
    );
    const dataset = Dataset.#own(this.#library, out[0], { rows: rows.length, columns: this.columns });
    dataset.handle.keep(this.handle);
    return dataset;
  }

  static #own(
    library: Library,
    pointer: Pointer,
    { rows, columns }: { readonly rows: number; readonly columns: number },
  ): Dataset {
    const handle = new NativeHandle(pointer, (address) => library.call('LGBM_DatasetFree', address), 'data set');
    return new Dataset(handle, library, rows, columns);
  }

  #setField(field: string, data: Float32Array | Float64Array | Int32Array, type: number): void {
    this.#library.call('LGBM_DatasetSetField', this.handle.address, field, data, data.length, type);
  }
}
