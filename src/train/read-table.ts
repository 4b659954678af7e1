/** Reads the tables of a data folder, parquet or CSV. */
import { LightscoreError } from '../errors.js';
import { readCsv } from './csv.js';
import { readParquet } from './parquet.js';

import type { Table } from './table.js';

/** Reads a file of a data folder whole; undefined where there is none of that name. Other failures reject. */
export type ReadFile = (name: string) => Promise<Uint8Array | undefined>;

/** A table and the file it came from. */
export interface SourceTable extends Table {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads `<name>.parquet` or, where there is none, `<name>.csv`.
 *
 * @param folder how messages name the place, such as a path or an s3:// address
 * @throws LightscoreError DATA_INVALID where there is neither file, or it cannot be read as a table of numbers: the
 * message names file, and column and row where it can
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
  throw new LightscoreError('DATA_INVALID', `${folder}: there is neither ${name}.parquet nor ${name}.csv`);
}
