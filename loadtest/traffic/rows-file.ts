/**
 * Rows from a file: a JSON array, JSON lines, or CSV with a header. A row is a list of values in the model's order, an
 * object of values by feature, or a body of `/score`.
 */
import { readFileSync } from 'node:fs';
import { LightscoreError } from '../../src/errors.js';
import { quote } from '../../src/quote.js';
import { systemReason } from '../../src/system-error.js';
import { readCsv } from '../../src/train/csv.js';
import { DoesNotFit } from './does-not-fit.js';
import type { Row } from './rows.js';

export interface RowsFile {
  readonly file: string;
  /** Names the values by feature; undefined where the file has only their order. */
  readonly featureNames: readonly string[] | undefined;
  /** In the order of `featureNames`, or of the model. */
  readonly rows: readonly Row[];
}

/** @throws DoesNotFit naming the file, the row and what is wrong with it */
export function readRowsFile(file: string): RowsFile {
  const bytes = readBytes(file);
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') throw new DoesNotFit(`${file} is empty`);
  const values = /^\s*[[{]/.test(text) ? jsonRows(text, file) : undefined;
  const rows = values === undefined ? csvRows(bytes, file) : jsonTable(values, file);
  if (rows.rows.length === 0) throw new DoesNotFit(`${file} has no rows`);
  return rows;
}

/**
 * @returns the rows in the order of `featureNames`; columns that the model does not have are left out
 * @throws DoesNotFit where the file lacks a feature, or has rows of another length and no names
 */
export function rowsFor(featureNames: readonly string[], { file, featureNames: own, rows }: RowsFile): readonly Row[] {
  if (own === undefined) {
    const other = rows.find((row) => row.length !== featureNames.length);
    if (other === undefined) return rows;
    throw new DoesNotFit(`${file} has rows of ${other.length} values, but the model takes ${featureNames.length}`);
  }
  const columns = featureNames.map((name) => own.indexOf(name));
  const missing = featureNames.filter((_, i) => columns[i] < 0);
  if (missing.length === 0) return rows.map((row) => columns.map((column) => row[column]));
  const names = missing
    .slice(0, 5)
    .map((name) => quote(name))
    .join(', ');
  const more = missing.length > 5 ? ` and ${missing.length - 5} more` : '';
  throw new DoesNotFit(
    `${file} lacks ${missing.length} of the model's ${featureNames.length} features: ${names}${more}`,
  );
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new DoesNotFit(`${file} cannot be read: ${systemReason(error)}`, { cause: error });
  }
}

/** @returns undefined where the text is neither a JSON array of rows nor JSON lines */
function jsonRows(text: string, file: string): readonly unknown[] {
  try {
    const whole: unknown = JSON.parse(text);
    // One line of JSON lines is a JSON text too: a list of numbers is one row, a list of lists or objects is all rows.
    return Array.isArray(whole) && whole.every((row) => typeof row === 'object' && row !== null) ? whole : [whole];
  } catch {
    return text
      .split('\n')
      .map((line, i) => [line, i + 1] as const)
      .filter(([line]) => line.trim() !== '')
      .map(([line, number]): unknown => {
        try {
          return JSON.parse(line);
        } catch (error) {
          throw new DoesNotFit(`${file} is neither a JSON array nor JSON lines: line ${number} is no JSON`, {
            cause: error,
          });
        }
      });
  }
}

function jsonTable(values: readonly unknown[], file: string): RowsFile {
  const rows = values.map((value, i) => namedRow(value, `${file}, row ${i + 1}`));
  const [first] = rows;
  const names = first?.names;
  const ordered = rows.map((row, i) => {
    if ((row.names === undefined) !== (names === undefined))
      throw new DoesNotFit(`${file}, row ${i + 1}: some rows name their features and some do not`);
    if (names === undefined || row.names === undefined) return row.values;
    const given = row.names;
    return names.map((name) => {
      const column = given.indexOf(name);
      if (column < 0) throw new DoesNotFit(`${file}, row ${i + 1} lacks ${quote(name)}, which the first row has`);
      return row.values[column];
    });
  });
  return { file, featureNames: names, rows: ordered };
}

interface NamedRow {
  readonly names: readonly string[] | undefined;
  readonly values: Row;
}

function namedRow(value: unknown, where: string): NamedRow {
  if (Array.isArray(value)) return { names: undefined, values: numbers(value, where) };
  if (typeof value !== 'object' || value === null)
    throw new DoesNotFit(`${where} is ${quote(value)}, expected a list of values or an object`);
  const { features, feature_names: names } = value as { features?: unknown; feature_names?: unknown };
  if (!Array.isArray(features)) return { names: Object.keys(value), values: numbers(Object.values(value), where) };
  const values = numbers(features, where);
  if (names === undefined || names === null) return { names: undefined, values };
  if (!Array.isArray(names) || names.length !== values.length)
    throw new DoesNotFit(`${where}: feature_names has not as many elements as features`);
  return { names: names.map(String), values };
}

function numbers(values: readonly unknown[], where: string): Row {
  return values.map((value, i) => {
    if (value === null || typeof value === 'number') return value;
    if (typeof value === 'boolean') return Number(value);
    throw new DoesNotFit(`${where}, value ${i + 1} is ${quote(value)}, expected a number or null`);
  });
}

function csvRows(bytes: Uint8Array, file: string): RowsFile {
  try {
    const { names, columns, rows } = readCsv(bytes, file);
    const cell = (value: number): number | null => (Number.isFinite(value) ? value : null);
    return {
      file,
      featureNames: names,
      rows: Array.from({ length: rows }, (_, row) => columns.map((column) => cell(column[row]))),
    };
  } catch (error) {
    if (error instanceof LightscoreError) throw new DoesNotFit(error.message, { cause: error });
    throw error;
  }
}
