/** LightGBM's binned data sets through its C API. */
import { NativeHandle, NativeOwner } from './handle.js';
import { FLOAT32, FLOAT64, INT32, type Library, type Pointer } from './library.js';
import { type Parameters, parameterString } from './parameters.js';

export interface DatasetSource {
  /**
   * `rows * columns` numbers; NaN is a missing value. LightGBM bins them into memory of its own, so they need not be
   * kept afterwards.
   */
  readonly values: Float64Array;
  readonly rows: number;
  /** Row after row (the default) or column after column. */
  readonly order?: 'row' | 'column';
  readonly featureNames?: readonly string[];
  /** One per row, like weights; LightGBM keeps both as 32-bit floats. */
  readonly label?: ArrayLike<number>;
  readonly weight?: ArrayLike<number>;
  /** Raw scores to start from: one per row, or class after class for multiclass. */
  readonly initScore?: Float64Array;
  /** Number of rows in each query, in order, for ranking objectives. */
  readonly group?: ArrayLike<number>;
  /** The training data, where this is validation data: it must be binned in the same way. */
  readonly reference?: Dataset;
  /** Parameters such as `max_bin` and `categorical_feature`; they must agree with the booster's. */
  readonly parameters?: Parameters;
}

/** Binned training or validation data. */
export class Dataset extends NativeOwner {
  readonly rows: number;
  readonly columns: number;
  readonly #library: Library;

  private constructor(
    handle: NativeHandle,
    library: Library,
    size: { readonly rows: number; readonly columns: number },
  ) {
    super(handle);
    this.#library = library;
    this.rows = size.rows;
    this.columns = size.columns;
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
    if (source.reference) dataset.handle.retain(source.reference.handle);
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

  /** The given rows (ascending indices), binned as in this data set, with their labels and weights. */
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
    dataset.handle.retain(this.handle);
    return dataset;
  }

  static #own(library: Library, address: Pointer, size: { readonly rows: number; readonly columns: number }): Dataset {
    const handle = new NativeHandle(address, (pointer) => library.call('LGBM_DatasetFree', pointer), 'data set');
    return new Dataset(handle, library, size);
  }

  #setField(field: string, data: Float32Array | Float64Array | Int32Array, type: number): void {
    this.#library.call('LGBM_DatasetSetField', this.handle.address, field, data, data.length, type);
  }
}
