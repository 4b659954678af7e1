/** `lightscore publish` from the shell, against an S3 server. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { S3Store } from '../src/store/s3.js';
import { chooseVersion } from '../src/store/versions.js';
import { runCli } from './support/cli-process.js';
import { projectRoot } from './support/project.js';
import { type S3Server, startS3Server } from './support/s3-server.js';

const MODEL = join(projectRoot, 'models/v1.0.0');
let bucket: S3Server;

before(async () => {
  bucket = await startS3Server('fraud-models');
});
after(() => bucket.close());

const publish = (...args: string[]) =>
  runCli(['publish', MODEL, ...args], { env: { AWS_ENDPOINT_URL_S3: bucket.endpoint } });

test('the demo model is published, activated, and not published twice', async () => {
  const { code, stdout, stderr } = await publish('--to', 's3://fraud-models/live', '--activate');
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /^published v1\.0\.0 at s3:\/\/fraud-models\/live\/v1\.0\.0\/$/m);
  assert.match(stdout, /^v1\.0\.0 is now the version to serve \(s3:\/\/fraud-models\/live\/current\.json\)$/m);
  const store = new S3Store({ bucket: 'fraud-models', prefix: 'live/', endpoint: bucket.endpoint });
  assert.equal((await chooseVersion(store)).version, 'v1.0.0');
  store.close();

  const again = await publish('--to', 's3://fraud-models/live');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^lightscore: version v1\.0\.0 is already published at .*, .*\n$/);
});

test('a version is published with every form of encryption', async () => {
  for (const [prefix, ...encryption] of [
    ['aes', '--sse', 'AES256'],
    ['kms', '--sse', 'aws:kms'],
    ['key', '--sse', 'aws:kms', '--kms-key', 'key-1'],
  ]) {
    const { code, stderr } = await publish('--to', `s3://fraud-models/${prefix}`, ...encryption);
    assert.equal(code, 0, stderr);
  }
});

test('what is wrong with the command line is told in one line, and nothing is uploaded', async () => {
  for (const [args, message] of [
    [['--to', 'models'], /^lightscore: --to models: must be an s3:\/\/ address, such as s3:\/\/bucket\/models\n$/],
    [['--to', 's3://fraud-models/no', '--kms-key', 'k'], /^lightscore: --kms-key needs --sse aws:kms\n$/],
    [['--to', 's3://fraud-models/no', '--sse', 'AES256', '--kms-key', 'k'], /^lightscore: --kms-key needs --sse aws:k/],
    [['--to', 's3://fraud-models/no', '--sse', 'rot13'], /Allowed choices are AES256, aws:kms/],
  ] as const) {
    const { code, stderr } = await publish(...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
  const store = new S3Store({ bucket: 'fraud-models', prefix: 'no/', endpoint: bucket.endpoint });
  assert.deepEqual(await store.versions(), []);
  store.close();
});
