/** Reads and writes Parquet tables. */
import {
  type ColumnData,
  type Compressors,
  type FileMetaData,
  parquetMetadata,
  parquetRead,
  parquetSchema,
} from 'hyparquet';
import { compressors, decompressLz4, decompressLz4Raw } from 'hyparquet-compressors';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { LightscoreError, messageOf } from '../errors.js';
import type { Table } from './table.js';
import { quote } from '../quote.js';

/** pandas stores an index that is not a plain row number as a column of this name; it is not part of the data. */
const PANDAS_INDEX = /^__index_level_\d+__$/;
const ROW_GROUP_ROWS = 100_000;

/** The library's LZ4 decoders fail on an empty block, which a page of nulls only has. */
const decompressors: Compressors = {
  ...compressors,
  LZ4: (input, length) => (length === 0 ? new Uint8Array() : decompressLz4(input, length)),
  LZ4_RAW: (input, length) => (length === 0 ? new Uint8Array() : decompressLz4Raw(input, length)),
};

interface Field {
  readonly name: string;
  /** The digits of a DECIMAL after the point; undefined for other types. */
  readonly scale: number | undefined;
}

/**
 * Reads a Parquet file of flat columns: integers, floats, booleans (0 and 1) and decimals, null as NaN, any codec or
 * encoding of pandas and pyarrow. 64-bit integers beyond 2^53 lose their last digits, as they would in LightGBM.
 *
 * @param file the file's name in messages
 * @throws LightscoreError DATA_INVALID for a file that is not Parquet or is damaged, nested columns, repeated column
 * names, and values that are not numbers
 */
export async function readParquet(bytes: Uint8Array, file: string): Promise<Table> {
  try {
    // Copied, because a small Buffer is a view of a pool that it shares with others.
    const { buffer } = new Uint8Array(bytes);
    const metadata = parquetMetadata(buffer);
    const fields = flatFields(metadata, file);
    const rows = Number(metadata.num_rows);
    const columns = fields.map(() => new Float64Array(rows).fill(NaN));
    const chunks: ColumnData[] = [];
    await parquetRead({
      file: { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) },
      metadata,
      columns: fields.map(({ name }) => name),
      compressors: decompressors,
      // An error thrown in this callback would be lost, so the values are checked afterwards.
      onChunk: (chunk) => chunks.push(chunk),
    });
    const indexOf = new Map(fields.map(({ name }, index) => [name, index]));
    const filled = new Uint32Array(fields.length);
    for (const chunk of chunks) {
      const index = indexOf.get(chunk.columnName);
      if (index === undefined) continue;
      fill(columns[index], chunk, fields[index], file);
      filled[index] += chunk.rowEnd - chunk.rowStart;
    }
    const short = filled.findIndex((count) => count !== rows);
    if (short >= 0)
      throw new LightscoreError(
        'DATA_INVALID',
        `${file}: column ${fields[short].name} has ${filled[short]} values, but the file says ${rows} rows`,
      );
    return { names: fields.map(({ name }) => name), columns, rows };
  } catch (error) {
    if (error instanceof LightscoreError) throw error;
    throw new LightscoreError('DATA_INVALID', `${file}: is not a readable Parquet file (${messageOf(error)})`, {
      cause: error,
    });
  }
}

function flatFields(metadata: FileMetaData, file: string): Field[] {
  const fields = parquetSchema(metadata).children.filter(({ element }) => !PANDAS_INDEX.test(element.name));
  const seen = new Set<string>();
  return fields.map(({ element, children }) => {
    const { name } = element;
    if (children.length > 0 || element.repetition_type === 'REPEATED') {
      throw new LightscoreError(
        'DATA_INVALID',
        `${file}: column ${name} is nested (a list or a struct), not a column of numbers`,
      );
    }
    if (seen.has(name)) throw new LightscoreError('DATA_INVALID', `${file}: column ${name} appears twice`);
    seen.add(name);
    return { name, scale: element.converted_type === 'DECIMAL' ? (element.scale ?? 0) : undefined };
  });
}

function fill(column: Float64Array, { columnData, rowStart }: ColumnData, { name, scale }: Field, file: string): void {
  // hyparquet multiplies a decimal by a rounded power of ten, which is off in the last bit; the quotient of two whole
  // numbers is the nearest double.
  const unit = scale === undefined ? undefined : 10 ** scale;
  for (let i = 0; i < columnData.length; i++) {
    const value: unknown = columnData[i];
    const row = rowStart + i;
    if (typeof value === 'number') column[row] = unit === undefined ? value : Math.round(value * unit) / unit;
    else if (typeof value === 'bigint') column[row] = Number(value);
    else if (typeof value === 'boolean') column[row] = value ? 1 : 0;
    else if (value !== null && value !== undefined) {
      throw new LightscoreError(
        'DATA_INVALID',
        `${file}: column ${name}, row ${row + 1}: ${described(value)}, expected a number`,
      );
    }
  }
}

function described(value: unknown): string {
  if (typeof value === 'string') return `text ${quote(value, 40)}`;
  return value instanceof Date
    ? `a date (${value.toISOString()})`
    : `a value of type ${value instanceof Uint8Array ? 'bytes' : typeof value}`;
}

/**
 * Writes a table as Parquet (snappy, row groups of 100,000): NaN becomes null, and the same table gives the same bytes.
 *
 * @param whole the names of the columns to store as 32-bit integers; all others are stored as doubles
 */
export function writeParquet(table: Table, whole: ReadonlySet<string>): Uint8Array {
  const buffer = parquetWriteBuffer({
    columnData: table.names.map((name, index) => ({
      name,
      data: Array.from(table.columns[index], (value) => (Number.isNaN(value) ? null : value)),
      type: whole.has(name) ? 'INT32' : 'DOUBLE',
      nullable: true,
    })),
    rowGroupSize: ROW_GROUP_ROWS,
    createdBy: 'lightscore',
  });
  return new Uint8Array(buffer);
}
