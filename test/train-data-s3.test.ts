/** Data sets in a bucket. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dataCommand } from '../src/commands/data.js';
import { openDataFolder } from '../src/train/data-folder.js';
import { generateDataSet } from '../src/train/data-set.js';
import { SPLITS } from '../src/train/features.js';
import { runCli } from './support/cli-process.js';
import { type S3Server, startS3Server } from './support/s3-server.js';
import { readTable } from '../src/train/read-table.js';

let server: S3Server;
before(async () => {
  server = await startS3Server('training');
  process.env['AWS_ENDPOINT_URL_S3'] = server.endpoint;
});
after(() => server.close());

test('a data set written to a bucket is read from it as it was generated', async () => {
  const location = 's3://training/training_data/v1.2.0';
  await dataCommand().parseAsync(['--rows', '1500', '--out', location], { from: 'user' });
  const { tables } = generateDataSet({ rows: 1500, fraudRate: 0.032, seed: 42 });
  const { read } = openDataFolder(`${location}/`);
  for (const split of SPLITS) {
    const { names, columns, rows } = await readTable(read, location, split);
    assert.deepEqual({ names, columns, rows }, tables[split]);
  }
});

test('the AWS SDK prints no warning about versions of Node', async () => {
  const { code, stderr } = await runCli(['data', '--rows', '1500', '--out', 's3://training/quiet']);
  assert.deepEqual([code, stderr], [0, SPLITS.map((split) => `wrote ${split}.parquet\n`).join('')]);
});

test('missing files are named, and a bucket that does not exist is unreachable', async () => {
  await assert.rejects(readTable(openDataFolder('s3://training/none').read, 's3://training/none', 'train'), {
    code: 'DATA_INVALID',
    message: 's3://training/none: neither train.parquet nor train.csv exists',
  });
  await assert.rejects(openDataFolder('s3://absent/data').read('train.csv'), {
    code: 'STORE_UNREACHABLE',
    message: /s3:\/\/absent\/data\/train\.csv: the bucket does not exist/,
  });
  await assert.rejects(openDataFolder('s3://absent/data').write('x', new Uint8Array(1)), {
    code: 'STORE_UNREACHABLE',
    message: /the bucket does not exist/,
  });
});
