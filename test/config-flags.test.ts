/** The flags of `lightscore serve`: one for each setting, over its environment variable. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Flags, readConfig } from '../src/config/config.js';
import { SETTING_NAMES, flagOf, settingRow } from '../src/config/settings.js';
import { runCli } from './support/cli-process.js';
import { MODELS, failingServer, startServer } from './support/server.js';

const mistakesOf = (env: Record<string, string>, flags: Flags): string[] => {
  try {
    readConfig(env, flags);
  } catch (error) {
    assert(error instanceof Error);
    return error.message.split('\n');
  }
  return [];
};

test('the help of serve has a line for every setting, with its variable and what it means', async () => {
  const { code, stdout } = await runCli(['serve', '--help'], { env: { COLUMNS: '400' } });
  assert.equal(code, 0);
  const help = stdout.replaceAll(/\s+/g, ' ');
  for (const name of SETTING_NAMES) {
    const row = settingRow(name);
    const usage = 'value' in row ? `${flagOf(name)} <${row.value}>` : flagOf(name);
    assert(help.includes(`${usage} ${row.means} (${name}; `), `${name} in ${stdout}`);
  }
});

test('a flag wins over its variable', () => {
  const { config } = readConfig({ PORT: '1', WORKERS: '3', METRICS_AUTH: '1' }, { PORT: '2', METRICS_AUTH: '0' });
  assert.deepEqual([config.http.port, config.scoring.workers, config.access.metricsAuth], [2, 3, false]);
});

test('a wrong variable does no harm where a flag takes its place', () => {
  assert.equal(readConfig({ PORT: 'http' }, { PORT: '2' }).config.http.port, 2);
});

test('a mistake is named as the user wrote it', () => {
  assert.deepEqual(mistakesOf({ WORKERS: '0' }, { PORT: 'http', MODEL_VERSION: '../v1' }), [
    '--port must be a whole number from 0 to 65535, not "http"',
    '--model-version must be the name of a version (letters, digits, ".", "_", "+", "-"), not "../v1"',
    'WORKERS must be a whole number from 1 to 256, not "0"',
  ]);
  assert.deepEqual(mistakesOf({}, { CHALLENGER_SHARE: '0.5' }), [
    '--challenger-share is set, but CHALLENGER_VERSION is not: there is no challenger',
  ]);
  assert.match(mistakesOf({}, { TLS_CERT_FILE: '/nowhere/cert.pem' })[0], /^--tls-cert-file: \/nowhere\/cert\.pem: /);
});

test('a folder on the command line wins over a bucket in the environment; two flags contradict each other', () => {
  const env = { MODEL_S3_BUCKET: 'fraud-models' };
  assert.deepEqual(readConfig(env, { MODEL_DIR: MODELS }).config.models.store, { kind: 'folder', folder: MODELS });
  assert.equal(readConfig({ MODEL_DIR: MODELS }, { MODEL_S3_BUCKET: 'other' }).config.models.store.kind, 's3');
  assert.deepEqual(mistakesOf({}, { MODEL_DIR: MODELS, MODEL_S3_BUCKET: 'other' }), [
    '--model-dir and --model-s3-bucket are both given: the versions have one source',
  ]);
});

test('a file of keys on the command line takes the place of keys in the environment', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-flags-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'keys');
  writeFileSync(file, 'b:another-key-of-some-length\n');
  const { config } = readConfig({ API_KEYS: 'a:a-key-of-some-length' }, { API_KEYS_FILE: file });
  assert.deepEqual(
    config.access.apiKeys.map(({ id }) => id),
    ['b'],
  );
});

test('keys on the command line draw a warning, hashes of keys do not', () => {
  const [warning] = readConfig({}, { API_KEYS: 'a:a-key-of-some-length' }).warnings;
  assert.match(warning, /^--api-keys: other users of this machine can see the command line; .*--api-keys-file\)$/);
  assert.deepEqual(readConfig({}, { API_KEYS: `a:sha256:${'0'.repeat(64)}` }).warnings, []);
  assert.deepEqual(readConfig({ API_KEYS: 'a:a-key-of-some-length' }).warnings, []);
});

test('a server takes its settings from flags, switches by both of their forms', async (t) => {
  const keys = { API_KEYS: 'a:a-key-of-some-length' };
  const server = await startServer(
    { ...keys, MODEL_DIR: '/nowhere', METRICS_AUTH: '1' },
    { flags: ['--model-dir', MODELS, '--model-version=v1.1.0', '--no-metrics-auth'] },
  );
  t.after(() => server.stop());
  assert.equal((await server.request('/healthz')).json['model_version'], 'v1.1.0');
  assert.equal((await server.request('/metrics')).status, 200);
  const closed = await startServer(keys, { flags: ['--metrics-auth'] });
  t.after(() => closed.stop());
  assert.equal((await closed.request('/metrics')).status, 401);
});

test('a start that fails for its settings ends with 2, and names flags', async () => {
  for (const [flags, message] of [
    [['--port', 'http'], /^lightscore: --port must be a whole number from 0 to 65535, not "http"\n$/],
    [['--model-dir', '/nowhere'], /^lightscore: --model-dir: the folder \/nowhere does not exist\n$/],
    [['--prot', '1'], /unknown option '--prot'\n\(Did you mean --port\?\)/],
    [['8000'], /8000 does not exist/],
  ] as const) {
    const { code, stderr } = await failingServer({}, { flags });
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});

test('every switch is read from its variable as 0 or 1', () => {
  for (const name of SETTING_NAMES.filter((each) => !('value' in settingRow(each)))) {
    assert.deepEqual(mistakesOf({ [name]: 'maybe' }, {}), [`${name} must be 0 or 1, not "maybe"`]);
  }
});
