/** The start of a server: what it says, and what ends it. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePorts } from './support/free-ports.js';
import { readGolden } from './support/golden.js';
import { S3_CREDENTIALS, startS3Server } from './support/s3-server.js';
import { type Environment, MODELS, failingServer, startServer } from './support/server.js';

/** A copy of the test models that a test may spoil. */
function copyOfModels(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-models-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(MODELS, 'v1.0.0'), join(folder, 'v1.0.0'), { recursive: true });
  return folder;
}

/** That a server refuses to start: exit code 1, and lines for a person that match, one each. */
async function refusesToStart(env: Environment, ...lines: readonly RegExp[]): Promise<void> {
  await endsWith(1, env, lines);
}

/** The same for settings that are wrong: exit code 2. */
async function refusesSettings(env: Environment, ...lines: readonly RegExp[]): Promise<void> {
  await endsWith(2, env, lines);
}

async function endsWith(expected: number, env: Environment, lines: readonly RegExp[]): Promise<void> {
  const { code, signal, stderr } = await failingServer(env);
  assert.equal(signal, null);
  assert.equal(code, expected, stderr);
  const said = stderr.trimEnd().split('\n');
  assert.equal(said.length, lines.length, stderr);
  for (const [i, line] of lines.entries()) assert.match(said[i], line);
  assert.doesNotMatch(stderr, /^\s+at /m, 'no stack');
}

test('a ready server says in the log where it is, what it serves and which process it is', async (t) => {
  const server = await startServer({ MODEL_VERSION: undefined });
  t.after(() => server.stop());
  const { url, pid, model_version: version, trees, features } = await server.event('ready');
  assert.deepEqual([url, pid, version, features], [server.url, server.pid, 'v1.1.0', 15]);
  assert(Number(trees) > 1);
  assert.equal((await server.event('listening'))['url'], server.url);
  assert.equal((await server.event('model_loaded'))['version'], 'v1.1.0');
  await server.terminate();
  assert.equal(server.stderr, '', 'where the log is piped, nothing else is said');
});

test('that line is written at every log level but silent', async (t) => {
  const server = await startServer({ LOG_LEVEL: 'fatal' });
  t.after(() => server.stop());
  await server.terminate();
  assert.deepEqual(
    server.logs.map(({ event }) => event),
    ['ready'],
  );
});

test('the version is the one of current.json, unless MODEL_VERSION names another', async (t) => {
  const folder = copyOfModels(t);
  cpSync(join(MODELS, 'v1.1.0'), join(folder, 'v1.1.0'), { recursive: true });
  writeFileSync(join(folder, 'current.json'), '{"version": "v1.0.0"}');
  for (const [MODEL_VERSION, expected] of [
    [undefined, 'v1.0.0'],
    ['v1.1.0', 'v1.1.0'],
  ]) {
    const server = await startServer({ MODEL_DIR: folder, MODEL_VERSION });
    t.after(() => server.stop());
    assert.equal((await server.request('/healthz')).json['model_version'], expected);
  }
});

test('mistakes of the configuration end the start with one line each', async () => {
  await refusesSettings({ PORT: 'http' }, /^lightscore: PORT /);
  await refusesSettings(
    { PORT: '70000', WORKERS: '0', SCORING: 'fast', LOG_LEVEL: 'loud' },
    /PORT/,
    /SCORING/,
    /WORKERS/,
    /LOG_LEVEL/,
  );
  await refusesSettings(
    { TLS_CERT_FILE: '/nowhere/cert.pem' },
    /TLS_CERT_FILE: \/nowhere\/cert\.pem: no such file/,
    /TLS_KEY_FILE is not set/,
  );
  await refusesSettings({ API_KEYS: 'justakey' }, /^lightscore: API_KEYS: entry 1 must be/);
  await refusesSettings({ METRICS_AUTH: '1' }, /METRICS_AUTH/);
});

test('a certificate that is none ends the start with one line', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'bad.pem');
  writeFileSync(file, 'not a certificate');
  await refusesSettings({ TLS_CERT_FILE: file, TLS_KEY_FILE: file }, /bad\.pem/);
});

test('a misspelled variable is warned of and does no harm', async (t) => {
  const server = await startServer({ MODEL_VERSIN: 'v9' });
  t.after(() => server.stop());
  assert.match((await server.event('config_warning')).msg ?? '', /MODEL_VERSIN/);
});

test('a port that is taken is refused, by another server of ours or by anything else', async (t) => {
  const first = await startServer();
  t.after(() => first.stop());
  await refusesToStart({ PORT: String(first.port) }, new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${first.port}`));
  assert.equal((await first.score({ features: readGolden().rows[0] })).status, 200);

  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  const address = other.address();
  assert(address !== null && typeof address === 'object');
  await refusesToStart({ PORT: String(address.port) }, new RegExp(`port ${address.port}`));
});

test('a folder of models that is not there, or has none, ends the start', async (t) => {
  const empty = mkdtempSync(join(tmpdir(), 'lightscore-empty-'));
  t.after(() => rmSync(empty, { recursive: true }));
  await refusesSettings(
    { MODEL_DIR: join(empty, 'nowhere'), MODEL_VERSION: undefined },
    /^lightscore: MODEL_DIR: the folder .*nowhere does not exist$/,
  );
  await refusesToStart({ MODEL_DIR: empty, MODEL_VERSION: undefined }, /lightscore-empty-/);
  await refusesToStart({ MODEL_VERSION: 'v9.9.9' }, /v9\.9\.9/);
});

test('an artifact that cannot be used ends the start with the file and the reason', async (t) => {
  const spoil = async (file: string, change: (text: string) => string | Buffer, reason: RegExp): Promise<void> => {
    const folder = copyOfModels(t);
    const path = join(folder, 'v1.0.0', file);
    writeFileSync(path, change(readFileSync(path, 'latin1')), 'latin1');
    await refusesToStart(
      { MODEL_DIR: folder },
      new RegExp(`^lightscore: .*v1\\.0\\.0/${file.replace('.', '\\.')}: ${reason.source}`),
    );
  };
  await spoil('lightgbm_model.txt', (text) => text.slice(0, text.length / 2), /./);
  await spoil('lightgbm_model.txt', () => '', /is empty/);
  await spoil('lightgbm_model.txt', () => 'no model at all\n', /./);
  await spoil('lightgbm_model.txt', (text) => text.replace(/^leaf_value=\S+/m, 'leaf_value=abc'), /./);
  await spoil(
    'metadata.json',
    (text) => text.replace('"age",', ''),
    /feature_names has 14 names, but the model has 15 features/,
  );
  await spoil('metadata.json', (text) => text.slice(0, -5), /./);
  await spoil('calibrator.pkl', (text) => text.slice(0, 100), /./);
  // posix.system('true'), which joblib.load would run
  await spoil('calibrator.pkl', () => '\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.', /.*posix/);
});

test('a checksum that differs ends the start with the file that differs', async (t) => {
  const folder = copyOfModels(t);
  const path = join(folder, 'v1.0.0/metadata.json');
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace('{', `{"checksums": {"lightgbm_model.txt": "${'0'.repeat(64)}"},`),
  );
  await refusesToStart({ MODEL_DIR: folder }, /v1\.0\.0\/lightgbm_model\.txt: .*SHA-256/);
});

test('a version without its calibrator or its model is not started with', async (t) => {
  for (const file of ['calibrator.pkl', 'lightgbm_model.txt', 'metadata.json']) {
    const folder = copyOfModels(t);
    rmSync(join(folder, 'v1.0.0', file));
    await refusesToStart({ MODEL_DIR: folder }, new RegExp(file.replace('.', '\\.')));
  }
});

test('a store that cannot be reached leaves the server live and unready until it can', async (t) => {
  // Nobody answers there yet.
  const [port] = await freePorts(1);

  const server = await startServer(
    {
      ...S3_CREDENTIALS,
      AWS_REGION: 'ca-central-1',
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      MODEL_S3_BUCKET: 'fraud-models',
      MODEL_DIR: undefined,
    },
    { until: 'listening' },
  );
  t.after(() => server.stop());
  await server.event('store_unreachable');
  assert.equal((await server.request('/livez')).status, 200);
  for (const answer of [await server.request('/readyz'), await server.score({ features: [] })]) {
    assert.equal(answer.status, 503);
    assert.equal(answer.problem.type, '/docs#not-ready');
    assert.match(String(answer.headers['retry-after']), /^\d+$/);
  }
  const { json } = await server.request('/healthz');
  assert.deepEqual(
    [json['status'], json['model_loaded'], json['model_version'], json['calibration_version']],
    ['healthy', false, null, null],
  );
  assert.equal((await server.request('/openapi.json')).status, 200);
  assert.equal(await server.metric('lightscore_ready'), 0);

  // The store comes up with its files in place: a relay opens the way to one that is filled already.
  const s3 = await startS3Server('fraud-models');
  for (const file of readdirSync(join(MODELS, 'v1.0.0')))
    await s3.put(`models/v1.0.0/${file}`, readFileSync(join(MODELS, 'v1.0.0', file)));
  const storePort = Number(new URL(s3.endpoint).port);
  const relay = createServer((socket) => socket.pipe(connect(storePort, '127.0.0.1')).pipe(socket)).listen(
    port,
    '127.0.0.1',
  );
  t.after(async () => {
    await server.stop();
    relay.close();
    await s3.close();
  });
  await server.event('model_loaded');
  await server.started('ready');
  assert.equal((await server.request('/readyz')).status, 200);
  assert.equal((await server.score({ features: readGolden().rows[0] })).status, 200);
});

test('a server that is still waiting for its store ends at once on SIGTERM', async () => {
  const server = await startServer(
    {
      ...S3_CREDENTIALS,
      AWS_REGION: 'ca-central-1',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      MODEL_S3_BUCKET: 'fraud-models',
      MODEL_DIR: undefined,
      DRAIN_TIMEOUT_MS: '3000',
    },
    { until: 'listening' },
  );
  assert.deepEqual(await server.terminate(), { code: 0, signal: null });
});

test('files beside the versions are no versions', async (t) => {
  const folder = copyOfModels(t);
  writeFileSync(join(folder, 'README.md'), 'models');
  mkdirSync(join(folder, 'v9.9.9'));
  const server = await startServer({ MODEL_DIR: folder, MODEL_VERSION: undefined });
  t.after(() => server.stop());
  assert.equal((await server.request('/healthz')).json['model_version'], 'v1.0.0');
});

test('a server that polls waits for the first version; one that does not ends with 1', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-models-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const env = { MODEL_DIR: folder, MODEL_VERSION: undefined };
  await refusesToStart(env, /no version has model, calibrator and metadata; it has no versions at all$/);
  const server = await startServer({ ...env, MODEL_POLL_SECONDS: '1' }, { until: 'listening' });
  t.after(() => server.stop());
  await server.event('store_empty');
  assert.equal((await server.request('/readyz')).status, 503);
  renameSync(join(copyOfModels(t), 'v1.0.0'), join(folder, 'v1.0.0'));
  await server.event('ready');
  assert.equal((await server.request('/healthz')).json['model_version'], 'v1.0.0');
});
