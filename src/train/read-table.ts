/** Reads the tables of a data folder, Parquet or CSV. */
import { LightscoreError } from '../errors.js';
import { readCsv } from './csv.js';
import { readParquet } from './parquet.js';
import type { Table } from './table.js';

/** Reads a whole file of a data folder; gives undefined where it does not exist. Other failures reject. */
export type ReadFile = (name: string) => Promise<Uint8Array | undefined>;

/** A table and the file that it was read from. */
export interface SourceTable extends Table {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads `<name>.parquet` or, where that does not exist, `<name>.csv`.
 *
 * @param folder the folder's name in messages, such as a path or an s3:// address
 * @throws LightscoreError DATA_INVALID where neither file exists, or it cannot be read as a table of numbers: the
 * message names the file, and column and row where they are known
 */
export async function readTable(read: ReadFile, folder: string, name: string): Promise<SourceTable> {
  for (const [extension, parse] of [
    ['parquet', readParquet],
    ['csv', readCsv],
  ] as const) {
    const file = `${name}.${extension}`;
    const bytes = await read(file);
    if (bytes === undefined) continue;
    return { ...(await parse(bytes, file)), file, bytes };
  }
  throw new LightscoreError('DATA_INVALID', `${folder}: neither ${name}.parquet nor ${name}.csv exists`);
}
