/** `lightscore data` and the synthetic data that it generates. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { dataCommand } from '../src/commands/data.js';
import { openDataFolder } from '../src/train/data-folder.js';
import { type DataSetSummary, generateDataSet } from '../src/train/data-set.js';
import { aucRoc, rank } from '../src/train/evaluation.js';
import { FEATURES, FEATURE_NAMES, LABEL_NAME, SPLITS } from '../src/train/features.js';
import { Random, exponential, naturalLog } from '../src/train/random.js';
import { readTable } from '../src/train/read-table.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lightscore-data-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs `lightscore data` in this process, without its error messages. */
async function run(...args: string[]): Promise<void> {
  await dataCommand()
    .configureOutput({ writeErr: () => undefined })
    .exitOverride()
    .parseAsync(args, { from: 'user' });
}

async function hashes(of: string): Promise<Record<string, string>> {
  const names = (await readdir(of)).toSorted();
  const digests = await Promise.all(
    names.map(async (name) =>
      createHash('sha256')
        .update(await readFile(join(of, name)))
        .digest('hex'),
    ),
  );
  return Object.fromEntries(names.map((name, index) => [name, digests[index]]));
}

test('the command writes three parquet files and their description, the same bytes for the same seed', async () => {
  const [one, two, other] = ['one', 'two', 'other'].map((name) => join(folder, name));
  await run('--rows', '2000', '--out', one);
  await run('--rows', '2000', '--out', two);
  await run('--rows', '2000', '--seed', '43', '--out', other);
  const first = await hashes(one);
  assert.deepEqual(Object.keys(first), ['data_set.json', 'test.parquet', 'train.parquet', 'validation.parquet']);
  assert.deepEqual(await hashes(two), first);
  for (const [name, hash] of Object.entries(await hashes(other))) assert.notEqual(hash, first[name]);
  // Pinned, so that no change of the generator, the Parquet writer or the engine's arithmetic alters these bytes
  // unnoticed.
  assert.equal(first['train.parquet'].slice(0, 16), '803fd00790f3171e');
});

test('a data set that is written and read back is as it was generated', async () => {
  const { tables, summary } = generateDataSet({ rows: 2000, fraudRate: 0.032, seed: 42 });
  const target = join(folder, 'read');
  await run('--rows', '2000', '--out', target);
  const { read } = openDataFolder(target);
  for (const split of SPLITS) {
    const { names, columns, rows } = await readTable(read, target, split);
    assert.deepEqual({ names, columns, rows }, tables[split]);
  }
  const written: DataSetSummary = JSON.parse(await readFile(join(target, 'data_set.json'), 'utf8'));
  assert.deepEqual(written, summary);
});

test('data of another origin are not overwritten; generated data are', async () => {
  const target = join(folder, 'foreign');
  await openDataFolder(target).write('train.csv', Buffer.from('a\n1\n'));
  await assert.rejects(run('--rows', '2000', '--out', target), {
    code: 'USAGE',
    message: /holds a train\.csv that this command did not make/,
  });
  assert.deepEqual(await readdir(target), ['train.csv']);
  await run('--rows', '2000', '--out', target, '--force');
  await run('--rows', '2000', '--seed', '5', '--out', target);
});

test('wrong options and folders that cannot be written are errors of one line', async () => {
  const file = join(folder, 'a-file');
  await writeFile(file, '');
  for (const [args, message] of [
    [['--rows', 'many'], /--rows must be a number, not "many"/],
    [['--rows', '999'], /^--rows must be a whole number from 1000/],
    [['--fraud-rate', '1'], /^--fraud-rate must be between 0 and 1/],
    [['--seed', '-1'], /^--seed must be a whole number/],
    [['--rows', '1000', '--fraud-rate', '0.001'], /only 1 fraudulent applications/],
  ] as const) {
    await assert.rejects(run(...args, '--out', join(folder, 'never')), { code: 'USAGE', message });
  }
  await assert.rejects(run('--out', 's3://'), { code: 'USAGE', message: /needs a bucket/ });
  await assert.rejects(run('--out', join(file, 'below')), { code: 'DATA_INVALID', message: /ENOTDIR/ });
  await assert.rejects(openDataFolder(file).write('x', new Uint8Array()), {
    code: 'OUTPUT_FAILED',
    message: /cannot be written/,
  });
});

test('rows, fraud rate and split sizes are exact', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 3000 }),
      fc.double({ min: 0.01, max: 0.9, noNaN: true }),
      fc.maxSafeNat(),
      (rows, fraudRate, seed) => {
        const { tables, summary } = generateDataSet({ rows, fraudRate, seed });
        const labels = SPLITS.map((split) => tables[split].columns[tables[split].names.indexOf(LABEL_NAME)]);
        const frauds = labels.map((label) => label.reduce((sum, value) => sum + value, 0));
        assert.equal(
          frauds.reduce((sum, count) => sum + count),
          Math.round(rows * fraudRate),
        );
        assert.equal(
          SPLITS.reduce((sum, split) => sum + tables[split].rows, 0),
          rows,
        );
        for (const [index, split] of SPLITS.entries()) {
          assert.deepEqual(
            [summary.splits[split].rows, summary.splits[split].frauds],
            [labels[index].length, frauds[index]],
          );
          assert.ok(Math.abs(tables[split].rows - rows * (split === 'train' ? 0.7 : 0.15)) <= 2);
          assert.ok(Math.abs(frauds[index] - tables[split].rows * fraudRate) <= 2);
        }
      },
    ),
    { numRuns: 25 },
  );
});

const large = generateDataSet({ rows: 50_000, fraudRate: 0.032, seed: 42 });

test('values are plausible and of their kind, and less than 5% are missing', () => {
  const { names, columns } = large.tables.train;
  assert.deepEqual(names, [...FEATURE_NAMES, LABEL_NAME]);
  for (const [index, { name, kind, minimum, maximum }] of FEATURES.entries()) {
    const present = columns[index].filter((value) => !Number.isNaN(value));
    assert.ok(present.length > 0.95 * columns[index].length, name);
    assert.ok(
      present.every((value) => value >= minimum && value <= maximum && (kind === 'real' || Number.isInteger(value))),
      name,
    );
    assert.ok(new Set(present).size > 1, name);
  }
  assert.ok(columns.some((values) => values.some(Number.isNaN)));
});

test('features depend on each other and on the label as documented', () => {
  const { columns, names } = large.tables.train;
  const mean = (of: string, condition: (at: (name: string) => number) => boolean): number => {
    let sum = 0;
    let count = 0;
    for (let row = 0; row < columns[0].length; row++) {
      const at = (name: string): number => columns[names.indexOf(name)][row];
      if (Number.isNaN(at(of)) || !condition(at)) continue;
      sum += at(of);
      count++;
    }
    return sum / count;
  };
  const rate = mean(LABEL_NAME, () => true);
  assert.ok(
    mean('email_reuse_count', (at) => at('phone_reuse_count') >= 2) >
      3 * mean('email_reuse_count', (at) => at('phone_reuse_count') === 0),
  );
  assert.ok(
    mean('purchase_loan_ratio', (at) => at('downpayment_income_ratio') > 0.1) >
      mean('purchase_loan_ratio', (at) => at('downpayment_income_ratio') === 0),
  );
  for (const risky of [
    (at: (name: string) => number) => at('vin_reuse_flag') === 1,
    (at: (name: string) => number) => at('sin_valid_flag') === 0,
    (at: (name: string) => number) => at('email_domain_category') === 4,
    (at: (name: string) => number) => at('dealer_fraud_percentile') > 0.95,
    (at: (name: string) => number) => at('mileage_plausibility_score') < 0.5,
  ]) {
    assert.ok(mean(LABEL_NAME, risky) > 3 * rate);
  }
});

test('the stated best AUC is that of the true probabilities, and no single feature reaches it', () => {
  const { bayes_auc_roc, splits } = large.summary;
  assert.ok(bayes_auc_roc > 0.85 && bayes_auc_roc < 0.92);
  for (const split of SPLITS) assert.ok(Math.abs(splits[split].best_auc_roc - bayes_auc_roc) < 0.03);
  const { columns } = large.tables.train;
  const labels = columns[columns.length - 1];
  for (const [index, name] of FEATURE_NAMES.entries()) {
    const auc = aucRoc(
      rank(
        labels,
        columns[index].map((value) => (Number.isNaN(value) ? -1 : value)),
      ),
    );
    assert.ok(Math.max(auc, 1 - auc) < bayes_auc_roc - 0.1, `${name}: ${auc}`);
  }
});

test('the portable exponential and logarithm are exact to a few units in the last place', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -650, max: 650, noNaN: true }),
      (x) => Math.abs(exponential(x) / Math.exp(x) - 1) < 1e-15,
    ),
  );
  fc.assert(
    fc.property(
      fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
      (x) => Math.abs(naturalLog(x) - Math.log(x)) <= 1e-15 * Math.max(1, Math.abs(Math.log(x))),
    ),
  );
});

function moments(draw: () => number): [number, number] {
  const values = Float64Array.from({ length: 100_000 }, draw);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length];
}

test('random numbers have the moments of their distributions', () => {
  const random = new Random(1);
  for (const [draw, mean, variance] of [
    [() => random.uniform(), 1 / 2, 1 / 12],
    [() => random.normal(), 0, 1],
    [() => random.logistic(), 0, Math.PI ** 2 / 3],
    [() => random.poisson(2.5), 2.5, 2.5],
    [() => random.below(6), 2.5, 35 / 12],
    [() => random.pick([1, 0, 3]), 1.5, 0.75],
  ] as const) {
    const [actualMean, actualVariance] = moments(draw);
    assert.ok(Math.abs(actualMean - mean) < 0.03, `${draw.toString()}: mean ${actualMean}`);
    assert.ok(Math.abs(actualVariance / variance - 1) < 0.04, `${draw.toString()}: variance ${actualVariance}`);
  }
});
