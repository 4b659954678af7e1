/** Reads CSV tables. */
import { CsvError, parse } from 'csv-parse/sync';
import { LightscoreError } from '../errors.js';
import type { Table } from './table.js';
import { quote } from '../quote.js';

/** The texts that pandas writes or reads as a missing value. */
const MISSING = new Set(['', 'NA', 'N/A', 'NaN', 'nan', '-nan', 'NULL', 'null', 'None', '<NA>', '#N/A']);
const NAMED_VALUES = new Map([
  ['true', 1],
  ['True', 1],
  ['TRUE', 1],
  ['false', 0],
  ['False', 0],
  ['FALSE', 0],
  ['inf', Infinity],
  ['Infinity', Infinity],
  ['-inf', -Infinity],
  ['-Infinity', -Infinity],
]);
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Reads CSV text (RFC 4180, comma separated, UTF-8) with a header line: numbers, true and false (1 and 0), and missing
 * values as pandas writes them. A first column without a name, which pandas writes for its index, is ignored.
 *
 * @param file the file's name in messages
 * @throws LightscoreError DATA_INVALID for text that is not CSV, repeated or empty column names, and values that are
 * not numbers
 */
export function readCsv(bytes: Uint8Array, file: string): Table {
  let first = 0;
  let names: readonly string[] | undefined;
  const columns: number[][] = [];
  let rows = 0;
  eachRecord(bytes, file, (record) => {
    if (names === undefined) {
      first = record[0].trim() === '' && record.length > 1 ? 1 : 0;
      names = columnNames(record, first, file);
      columns.push(...names.map(() => []));
      return;
    }
    rows++;
    for (const [index, column] of columns.entries())
      column.push(
        parseNumber(record[first + index]) ?? refuse(record[first + index], { file, column: names[index], row: rows }),
      );
  });
  if (names === undefined)
    throw new LightscoreError('DATA_INVALID', `${file}: the file is empty; its first line must name the columns`);
  return { names, columns: columns.map((column) => Float64Array.from(column)), rows };
}

function columnNames(header: readonly string[], first: number, file: string): readonly string[] {
  const names = header.slice(first).map((name) => name.trim());
  for (const [index, name] of names.entries()) {
    if (name === '') throw new LightscoreError('DATA_INVALID', `${file}: column ${first + index + 1} has no name`);
    if (names.indexOf(name) !== index)
      throw new LightscoreError('DATA_INVALID', `${file}: column ${name} appears twice`);
  }
  return names;
}

/** Passes on one record after the other, so that the texts of a large file are never in memory at once. */
function eachRecord(bytes: Uint8Array, file: string, onRecord: (record: string[]) => void): void {
  try {
    parse(bytes, {
      bom: true,
      skip_empty_lines: true,
      on_record: (record: string[]) => {
        onRecord(record);
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new LightscoreError('DATA_INVALID', `${file}: is not readable as CSV (${error.message})`, { cause: error });
  }
}

function refuse(
  text: string,
  { file, column, row }: { readonly file: string; readonly column: string; readonly row: number },
): never {
  throw new LightscoreError(
    'DATA_INVALID',
    `${file}: column ${column}, row ${row}: text ${quote(text, 40)}, expected a number`,
  );
}

function parseNumber(field: string): number | undefined {
  const text = field.trim();
  if (NUMBER.test(text)) return Number(text);
  return MISSING.has(text) ? NaN : NAMED_VALUES.get(text);
}
