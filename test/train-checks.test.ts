/** The checks of training data. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkData } from '../src/train/checks.js';
import { generateDataSet } from '../src/train/data-set.js';
import { FEATURE_NAMES, LABEL_NAME, SPLITS, type Split } from '../src/train/features.js';
import type { SourceTable } from '../src/train/read-table.js';

const { tables: generated } = generateDataSet({ rows: 15_000, fraudRate: 0.03, seed: 5 });

/** The generated data with one changed split. */
function changed(split: Split, change: (table: SourceTable) => Partial<SourceTable>): Record<Split, SourceTable> {
  const tables = Object.fromEntries(
    SPLITS.map((name) => [name, { ...generated[name], file: `${name}.parquet`, bytes: new Uint8Array() }]),
  );
  const table = tables[split];
  return {
    train: tables['train'],
    validation: tables['validation'],
    test: tables['test'],
    [split]: { ...table, ...change(table) },
  };
}

function withColumn(table: SourceTable, name: string, change: (column: Float64Array) => void): Partial<SourceTable> {
  const at = table.names.indexOf(name);
  const column = table.columns[at].slice();
  change(column);
  return { columns: table.columns.map((values, index) => (index === at ? column : values)) };
}

function firstRows(table: SourceTable, rows: number): Partial<SourceTable> {
  return { rows, columns: table.columns.map((values) => values.slice(0, rows)) };
}

const hard = (tables: Record<Split, SourceTable>): string[] =>
  checkData(tables, LABEL_NAME)
    .filter(({ waivable }) => !waivable)
    .map(({ text }) => text);
const soft = (tables: Record<Split, SourceTable>): string[] =>
  checkData(tables, LABEL_NAME)
    .filter(({ waivable }) => waivable)
    .map(({ text }) => text);

test('generated data passes every check', () => {
  assert.deepEqual(
    checkData(
      changed('test', () => ({})),
      LABEL_NAME,
    ),
    [],
  );
});

test('missing and unknown columns are each named, and cannot be waived', () => {
  const tables = changed('validation', ({ names }) => ({
    names: names.map((name) => (name === 'age' ? 'years' : name === LABEL_NAME ? 'fraud' : name)),
  }));
  assert.deepEqual(hard(tables), [
    'validation.parquet: no column age',
    'validation.parquet: no column is_fraud with the label',
    'validation.parquet: unknown column years',
    'validation.parquet: unknown column fraud',
  ]);
});

test('labels must be 0 or 1, and both classes must occur', () => {
  assert.deepEqual(
    hard(changed('test', (table) => withColumn(table, LABEL_NAME, (labels) => labels.set([2, NaN], 3)))),
    ['test.parquet: column is_fraud: 2 of 2251 labels are neither 0 nor 1 (row 4: 2)'],
  );
  assert.deepEqual(hard(changed('train', (table) => withColumn(table, LABEL_NAME, (labels) => labels.fill(1)))), [
    'train.parquet: column is_fraud: every label is 1, both classes are needed',
  ]);
  assert.deepEqual(
    hard(changed('train', (table) => ({ rows: 0, columns: table.columns.map(() => new Float64Array()) }))),
    ['train.parquet: there are no rows'],
  );
});

test('too few rows, too few frauds, and a rare class that is too rare can be waived', () => {
  assert.deepEqual(soft(changed('train', (table) => firstRows(table, 3000))), [
    'train.parquet: 3000 rows, at least 10000 are required',
    ...[generated.train.columns[FEATURE_NAMES.length].slice(0, 3000).filter((label) => label === 1).length]
      .filter((frauds) => frauds < 100)
      .map((frauds) => `train.parquet: column is_fraud: ${frauds} rows of the rarer class, at least 100 are required`),
  ]);
  const oneFraud = changed('validation', (table) =>
    withColumn(table, LABEL_NAME, (labels) => labels.fill(0).set([1], 7)),
  );
  assert.deepEqual(soft(oneFraud), [
    'validation.parquet: column is_fraud: the rarer class is 0.0444% of the rows, at least 0.1% is required',
  ]);
});

test('missing, implausible and fractional values are counted, with the first row of each', () => {
  const tables = changed('train', (table) =>
    withColumn(table, 'age', (ages) => {
      ages.fill(NaN, 0, 525);
      ages.set([-5, 130, Infinity, 20.5], 600);
    }),
  );
  assert.deepEqual(soft(tables), [
    'train.parquet: column age: 5% missing, less than 5% is required',
    'train.parquet: column age: 3 of 10498 values are outside 16 to 110 (row 601: -5)',
    'train.parquet: column age: 1 of 10498 values are not whole numbers (row 604: 20.5)',
  ]);
  assert.deepEqual(soft(changed('train', (table) => withColumn(table, 'age', (ages) => ages.fill(NaN, 0, 524)))), []);
});

test('all violations are reported at once', () => {
  const tables = changed('test', (table) => ({
    ...firstRows(table, 500),
    names: table.names.map((name) => (name === 'ltv_ratio' ? 'ltv' : name)),
  }));
  const broken = { ...tables, train: changed('train', (table) => firstRows(table, 5000)).train };
  const found = checkData(broken, LABEL_NAME).map(({ text }) => text);
  for (const part of ['train.parquet: 5000 rows', 'no column ltv_ratio', 'unknown column ltv'])
    assert.ok(
      found.some((text) => text.includes(part)),
      part,
    );
});
