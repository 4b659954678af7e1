/** Reading and writing tables, Parquet and CSV. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LightscoreError } from '../src/errors.js';
import { readCsv } from '../src/train/csv.js';
import { readParquet, writeParquet } from '../src/train/parquet.js';
import { type Table } from '../src/train/table.js';
import { projectRoot } from './support/project.js';
import { readTable } from '../src/train/read-table.js';

const fixture = (name: string): Uint8Array => readFileSync(join(projectRoot, 'test/data/training', name));

function asRows({ names, columns }: Table): Record<string, (number | null)[]> {
  return Object.fromEntries(
    names.map((name, index) => [name, Array.from(columns[index], (value) => (Number.isNaN(value) ? null : value))]),
  );
}

// The files have row groups, nullable types, booleans, decimals and a column of nulls only.
for (const codec of ['snappy', 'zstd', 'gzip', 'lz4']) {
  test(`a Parquet file that pandas wrote with ${codec} is read`, async () => {
    const table = await readParquet(fixture(`${codec}.parquet`), `${codec}.parquet`);
    assert.equal(table.rows, 50);
    assert.deepEqual(
      asRows(table),
      JSON.parse(readFileSync(join(projectRoot, 'test/data/training/tables.json'), 'utf8')),
    );
  });
}

test("pandas's index is not read as a column", async () => {
  assert.deepEqual((await readParquet(fixture('index.parquet'), 'index.parquet')).names, ['real', 'flag']);
  assert.deepEqual(readCsv(Buffer.from(',real\n7,1.5\n8,\n'), 'x.csv'), {
    names: ['real'],
    columns: [Float64Array.of(1.5, NaN)],
    rows: 2,
  });
});

test('a column that is not of numbers is refused, naming file, column and row', async () => {
  await assert.rejects(readParquet(fixture('text.parquet'), 'train.parquet'), {
    code: 'DATA_INVALID',
    message: 'train.parquet: column name, row 1: text "ann", expected a number',
  });
  await assert.rejects(readParquet(fixture('nested.parquet'), 'train.parquet'), {
    code: 'DATA_INVALID',
    message: /^train\.parquet: column list is nested/,
  });
  assert.throws(() => readCsv(Buffer.from('a,b\n1,2\n3,ann\n'), 'train.csv'), {
    code: 'DATA_INVALID',
    message: 'train.csv: column b, row 2: text "ann", expected a number',
  });
  for (const text of ['0x10', '1_000', '1e', '.', '--1', '1 2', '1,5']) {
    assert.throws(() => readCsv(Buffer.from(`a\n"${text}"\n`), 'train.csv'), { code: 'DATA_INVALID' }, text);
  }
});

test('a damaged file is refused in one line', async () => {
  const whole = fixture('zstd.parquet');
  for (const bytes of [
    new Uint8Array(),
    Buffer.from('PAR1'),
    Buffer.from('a,b\n1,2\n'),
    whole.subarray(0, 4000),
    whole.subarray(100),
  ]) {
    await assert.rejects(
      readParquet(bytes, 'train.parquet'),
      (error: LightscoreError) =>
        error.code === 'DATA_INVALID' &&
        /^train\.parquet: is not a readable Parquet file \([^\n]+\)$/.test(error.message),
    );
  }
  for (const [text, message] of [
    ['', /the file is empty/],
    ['a,b\n1\n', /is not readable as CSV/],
    ['a,a\n1,2\n', /column a appears twice/],
    ['a,\n1,2\n', /column 2 has no name/],
    ['a\n"1\n', /not readable as CSV/],
  ] as const) {
    assert.throws(() => readCsv(Buffer.from(text), 'train.csv'), { code: 'DATA_INVALID', message }, text);
  }
});

test('a randomly damaged file gives a table or DATA_INVALID, nothing else', async () => {
  const whole = fixture('snappy.parquet');
  const flips = fc.array(fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(flips, fc.option(fc.nat(whole.length - 1)), async (changes, cut) => {
      const damaged = Uint8Array.from(whole);
      for (const { at, to } of changes) damaged[at] = to;
      try {
        await readParquet(cut === null ? damaged : damaged.subarray(0, cut), 'x.parquet');
      } catch (error) {
        assert.ok(error instanceof LightscoreError && error.code === 'DATA_INVALID', String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('CSV is read with missing values, booleans, infinities, quotes, CRLF and a byte-order mark', () => {
  const text = '\uFEFF"a", b\r\n1.5,True\r\n,false\r\nNaN,-inf\r\n"-2e3",<NA>\r\n';
  assert.deepEqual(readCsv(Buffer.from(text), 'x.csv'), {
    names: ['a', 'b'],
    columns: [Float64Array.of(1.5, NaN, NaN, -2000), Float64Array.of(1, 0, -Infinity, NaN)],
    rows: 4,
  });
});

test('a table is read back from Parquet as it was written, and the same table gives the same bytes', async () => {
  const double = fc.double({ noNaN: false });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(double, fc.option(fc.integer(), { nil: NaN })), { minLength: 1, maxLength: 60 }),
      async (rows) => {
        const table = {
          names: ['real', 'whole'],
          columns: [Float64Array.from(rows, ([real]) => real), Float64Array.from(rows, ([, whole]) => whole)],
          rows: rows.length,
        };
        const bytes = writeParquet(table, new Set(['whole']));
        assert.deepEqual(bytes, writeParquet(table, new Set(['whole'])));
        assert.deepEqual(await readParquet(bytes, 'x.parquet'), table);
      },
    ),
    { numRuns: 100 },
  );
});

test('a split is read from Parquet, else from CSV, else it is an error', async () => {
  const files = new Map<string, Uint8Array>([
    ['train.parquet', fixture('index.parquet')],
    ['train.csv', Buffer.from('a\n1\n')],
    ['test.csv', Buffer.from('a\n1\n')],
  ]);
  const read = (name: string): Promise<Uint8Array | undefined> => Promise.resolve(files.get(name));
  assert.equal((await readTable(read, 'data', 'train')).file, 'train.parquet');
  const fromCsv = await readTable(read, 'data', 'test');
  assert.deepEqual([fromCsv.file, fromCsv.rows, fromCsv.bytes], ['test.csv', 1, files.get('test.csv')]);
  await assert.rejects(readTable(read, 's3://bucket/data', 'validation'), {
    code: 'DATA_INVALID',
    message: 's3://bucket/data: neither validation.parquet nor validation.csv exists',
  });
});
