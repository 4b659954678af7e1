/** Rows as callers of the library give them, checked and put row after row. */
import { LightscoreError } from '../errors.js';
import { quote } from '../quote.js';
import type { RowsArguments } from './model.js';

/**
 * @returns [rows][features], NaN for missing; not a copy where it was flat already
 * @throws LightscoreError DATA_INVALID naming row and column, both counted from 0
 */
export function flatRows([rows, count]: RowsArguments, featureNames: readonly string[]): Float64Array {
  if (rows instanceof Float64Array) {
    checkFlat(rows, count, featureNames);
    return rows;
  }
  if (count !== undefined) refuse('a number of rows is given for a Float64Array alone: an array has its own length');
  // Callers in JavaScript have no compiler that would tell them.
  const given: unknown = rows;
  if (!Array.isArray(given)) return refuse(`the rows are ${describe(given)}, not an array or a Float64Array`);
  const values = new Float64Array(given.length * featureNames.length);
  for (let row = 0; row < given.length; row++) fillRow(values, row, given[row], featureNames);
  return values;
}

function checkFlat(values: Float64Array, count: unknown, featureNames: readonly string[]): void {
  const width = featureNames.length;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0)
    return refuse(`the number of rows, the second argument beside a Float64Array, is ${quote(count)}`);
  const expected = count * width;
  if (values.length === expected) return;
  const [row, column] = [Math.floor(values.length / width), values.length % width];
  const where =
    values.length < expected
      ? `${at(row, column, featureNames)} is missing`
      : `row ${count}, column 0 is beyond the last row`;
  refuse(`${where}: ${count} rows of ${width} columns have ${expected} values, the Float64Array has ${values.length}`);
}

function fillRow(values: Float64Array, row: number, given: unknown, featureNames: readonly string[]): void {
  const width = featureNames.length;
  if (!Array.isArray(given)) return refuse(`row ${row}, column 0: the row is ${describe(given)}, not an array`);
  const list: readonly unknown[] = given;
  if (list.length !== width) {
    const where =
      list.length < width
        ? `${at(row, list.length, featureNames)} is missing`
        : `row ${row}, column ${width} is beyond the last feature`;
    refuse(`${where}: the row has ${list.length} values, the model ${width} features`);
  }
  for (let column = 0; column < width; column++) {
    const value = list[column];
    if (typeof value === 'number') values[row * width + column] = value;
    else if (value === null) values[row * width + column] = NaN;
    else refuse(`${at(row, column, featureNames)} is ${describe(value)}, not a number or null`);
  }
}

function at(row: number, column: number, featureNames: readonly string[]): string {
  return `row ${row}, column ${column} (${featureNames[column]})`;
}

/** JSON cannot say every value. */
function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string' || typeof value === 'boolean') return quote(value);
  return `of type ${typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value}`;
}

function refuse(message: string): never {
  throw new LightscoreError('DATA_INVALID', message);
}
