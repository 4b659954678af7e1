import { NativeHandle, NativeOwner } from './handle.js';
import { FLOAT32, FLOAT64, INT32, type Library } from './library.js';
import { type Parameters, parameterString } from './parameters.js';

export interface DatasetSource {
  /**
   * `rows * columns` numbers; NaN is a missing value. LightGBM bins them into memory of its own, so they need not be
   * kept.
   */
  readonly values: Float64Array;
  readonly rows: number;
  /** `row`: row after row (default); `column`: column after column. */
  readonly order?: 'row' | 'column';
  readonly featureNames?: readonly string[];
  /** One per row, as are weights; LightGBM keeps both as 32-bit floats. */
  readonly label?: ArrayLike<number>;
  readonly weight?: ArrayLike<number>;
  /** Raw scores to start from: one per row, or class after class for multiclass. */
  readonly initScore?: Float64Array;
  /** Rows in each query, in order, for ranking objectives. */
  readonly group?: ArrayLike<number>;
  /** Validation data must be binned like the training data. */
  readonly reference?: Dataset;
  /** Such as `max_bin`, `categorical_feature`; must agree with the booster's. */
  readonly parameters?: Parameters;
}

/** Binned training or validation data. */
export class Dataset extends NativeOwner {
  private constructor(
    handle: NativeHandle,
    private readonly library: Library,
    readonly rows: number,
    readonly columns: number,
  ) {
    super(handle);
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
    const dataset = Dataset.own(library, out, rows, columns);
    if (source.reference) dataset.handle.keep(source.reference.handle);
    if (source.featureNames)
      library.call(
        'LGBM_DatasetSetFeatureNames',
        dataset.handle.address,
        source.featureNames,
        source.featureNames.length,
      );
    if (source.label) dataset.setField('label', Float32Array.from(source.label), FLOAT32);
    if (source.weight) dataset.setField('weight', Float32Array.from(source.weight), FLOAT32);
    if (source.initScore) dataset.setField('init_score', source.initScore, FLOAT64);
    if (source.group) dataset.setField('group', Int32Array.from(source.group), INT32);
    return dataset;
  }

  /** The given rows (ascending indices), binned as here, with their labels and weights: for cross-validation. */
  subset(rows: Int32Array, parameters: Parameters = {}): Dataset {
    const out = new BigUint64Array(1);
    this.library.call(
      'LGBM_DatasetGetSubset',
      this.handle.address,
      rows,
      rows.length,
      parameterString(parameters),
      out,
    );
    const dataset = Dataset.own(this.library, out, rows.length, this.columns);
    dataset.handle.keep(this.handle);
    return dataset;
  }

  private static own(library: Library, out: BigUint64Array, rows: number, columns: number): Dataset {
    return new Dataset(
      new NativeHandle(out[0], (pointer) => library.call('LGBM_DatasetFree', pointer), 'data set'),
      library,
      rows,
      columns,
    );
  }

  private setField(field: string, data: Float32Array | Float64Array | Int32Array, type: number): void {
    this.library.call('LGBM_DatasetSetField', this.handle.address, field, data, data.length, type);
  }
}
