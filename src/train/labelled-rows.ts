/** Rows with labels, in the form that LightGBM takes. */
import { column, type Table } from './table.js';

/** Feature values in the model's order, row after row, with their labels. */
export interface LabelledRows {
  readonly rows: number;
  readonly featureCount: number;
  /** [rows * featureCount] NaN for a missing value. */
  readonly values: Float64Array;
  /** [rows] 0 or 1. */
  readonly labels: Float64Array;
}

/** @throws Error if the table lacks a column, which `checkData` has excluded */
export function labelledRows(table: Table, featureNames: readonly string[], labelName: string): LabelledRows {
  const columns = featureNames.map((name) => requireColumn(table, name));
  const values = new Float64Array(table.rows * columns.length);
  for (const [feature, source] of columns.entries()) {
    for (let row = 0; row < table.rows; row++) values[row * columns.length + feature] = source[row];
  }
  return { rows: table.rows, featureCount: columns.length, values, labels: requireColumn(table, labelName) };
}

/** The rows of the given indices, in their order. */
export function takeRows(source: LabelledRows, indices: ArrayLike<number>): LabelledRows {
  const { featureCount } = source;
  const values = new Float64Array(indices.length * featureCount);
  for (let row = 0; row < indices.length; row++) {
    values.set(
      source.values.subarray(indices[row] * featureCount, (indices[row] + 1) * featureCount),
      row * featureCount,
    );
  }
  return {
    rows: indices.length,
    featureCount,
    values,
    labels: Float64Array.from(indices, (row) => source.labels[row]),
  };
}

export function countPositives(labels: Float64Array): number {
  return labels.reduce((count, label) => count + label, 0);
}

function requireColumn(table: Table, name: string): Float64Array {
  const found = column(table, name);
  if (found === undefined) throw new Error(`the table has no column ${name}`);
  return found;
}
