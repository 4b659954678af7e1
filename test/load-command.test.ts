/** `npm run load` against real servers: the demo model, own models, and servers that do not fit or are too slow. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readScenarios } from '../loadtest/scenarios/scenarios.js';
import { load } from './support/load-command.js';
import { ModelStore } from './support/model-store.js';
import { projectRoot } from './support/project.js';
import { MODELS, type ServerProcess, startServer } from './support/server.js';

const DEMO = join(projectRoot, 'models/v1.0.0');
/** Short, and few enough requests for any machine; the limit of the p99 is for a real one. */
const SHORT = ['--rate', '200', '--duration', '1', '--connections', '8', '--p99', '2000'];
const linuxOnly = process.platform === 'linux' ? {} : { skip: "the load generator needs Linux's epoll" };

const folder = mkdtempSync(join(tmpdir(), 'lightscore-load-rows-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('a load of the demo model', linuxOnly, () => {
  let server: ServerProcess;
  before(
    async () => (server = await startServer({ MODEL_DIR: join(projectRoot, 'models'), MODEL_VERSION: undefined })),
  );
  after(() => server.stop());

  test('knows the model, checks its scores bit for bit and meets the limits', async () => {
    const { code, stdout, report, stderr } = await load(['constant', '--url', server.url, ...SHORT]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^constant: all limits are met\. Of 200 requests in 1 s, none failed; half of them took up to/,
    );
    assert.match(stdout, /compared, bit for bit, with the plain tree walk/);
    assert.match(stdout, /serves v1\.0\.0 with 15 features/);
    assert.deepEqual(report?.versions, { 'v1.0.0': 200 });
    assert.equal(report?.total.asked, 200);
    assert(report.total.p50 > 0 && report.total.p50 <= report.total.p99 && report.total.p99 <= report.total.max);
  });

  test('runs in every scenario, with every answer right', async () => {
    for (const name of Object.keys(readScenarios())) {
      const { report, stderr } = await load([name, '--url', server.url, ...SHORT, '--rate', '60']);
      assert(report !== undefined, stderr);
      assert.deepEqual(report.failures, {}, name);
      assert.equal(report.total.failed, 0, name);
      assert.deepEqual(Object.keys(report.versions), ['v1.0.0'], name);
      assert(Math.abs(report.stages.reduce((sum, { seconds }) => sum + seconds, 0) - 1) < 1e-9, name);
    }
  });

  test('is sent by autocannon too', async () => {
    const { report, stdout, stderr } = await load(['constant', '--url', server.url, ...SHORT, '--tool', 'autocannon']);
    assert(report !== undefined, stderr);
    assert.equal(report.total.failed, 0, stdout);
    assert((report.versions['v1.0.0'] ?? 0) > 0);
    assert.match(stdout, /autocannon sends what it owes of a second at the beginning/);
  });

  test('writes requests for k6 instead, each with the scores that are right', async () => {
    const requests = join(folder, 'requests.json');
    const { code, report, stderr } = await load(['mixed', '--url', server.url, '--write-requests', requests]);
    assert.equal(code, 0, stderr);
    assert.equal(report, undefined);
    const written: readonly { path: string; rows: number; answers: readonly { begins: string; version: string }[] }[] =
      JSON.parse(readFileSync(requests, 'utf8'));
    assert.deepEqual([...new Set(written.map(({ path }) => path))].toSorted(), ['/score', '/score_batch']);
    for (const { answers } of written) assert.match(answers[0].begins, /^\[?\{"confidence_score":[\d.e-]+,$/);
  });

  test('does not begin where the server has another model than the one that was named', async () => {
    const other = await load(['constant', '--url', server.url, '--model', join(MODELS, 'v1.1.0'), ...SHORT]);
    assert.equal(other.code, 2);
    assert.equal(other.stderr, `load: ${server.url} serves v1.0.0, but ${join(MODELS, 'v1.1.0')} has v1.1.0\n`);
    const namesake = await load(['constant', '--url', server.url, '--model', join(MODELS, 'v1.0.0'), ...SHORT]);
    assert.equal(namesake.code, 2);
    assert.match(namesake.stderr, /serves another v1\.0\.0 than .*: it answers \S+ where the model gives \S+\n$/);
  });
});

describe('a load of an own model', linuxOnly, () => {
  let store: ModelStore;
  let server: ServerProcess;
  let names: string[];
  before(async () => {
    store = await ModelStore.create();
    await store.rename('v1.0.0', 'own-1', (name) => `mine_${name}`);
    await store.rename('v1.1.0', 'own-2', (name) => `mine_${name}`);
    names = await store.featureNames('own-1');
    server = await startServer({
      MODEL_DIR: store.folder,
      MODEL_VERSION: 'own-1',
      API_KEYS: 'tester:a-key-of-the-load-test',
    });
  });
  after(async () => {
    await server.stop();
    await store.remove();
  });
  const key = { LIGHTSCORE_API_KEY: 'a-key-of-the-load-test' };

  test('without its folder draws rows around the examples of the server', async () => {
    const { code, stdout, stderr, report } = await load(['constant', '--url', server.url, ...SHORT], key);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Rows +drawn around the examples of the server's \/openapi\.json/);
    assert.match(stdout, /The model is not known here/);
    assert.deepEqual(report?.versions, { 'own-1': 200 });
  });

  test('with its folder draws rows from its thresholds and checks every score', async () => {
    const args = ['constant', '--url', server.url, '--model', store.path('own-1'), ...SHORT];
    const { code, stdout, stderr } = await load(args, key);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Rows +drawn from the thresholds of .*own-1/);
    assert.match(stdout, /bit for bit, with the plain tree walk of the model/);
  });

  test('takes rows by name from CSV, with columns that the model does not have, and in any order', async () => {
    const columns = ['label', ...names.toReversed()];
    const rows = file(
      'rows.csv',
      `${columns.join(',')}\n${columns.map((_, i) => i).join(',')}\n${columns.map(() => '').join(',')}\n`,
    );
    const args = ['constant', '--url', server.url, '--rows', rows, '--model', store.path('own-1'), ...SHORT];
    const { code, stdout, stderr } = await load(args, key);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Rows +.*rows\.csv/);
  });

  test('does not begin where rows or key do not fit', async () => {
    const short = file('short.json', '[[1, 2, 3]]');
    const refused = await load(['constant', '--url', server.url, '--rows', short, ...SHORT], key);
    assert.deepEqual(
      [refused.code, refused.stderr],
      [2, `load: ${short} has rows of 3 values, but the model takes 15\n`],
    );
    const other = file('other.csv', 'age,income\n1,2\n');
    const unnamed = await load(['constant', '--url', server.url, '--rows', other, ...SHORT], key);
    assert.equal(unnamed.code, 2);
    assert.match(unnamed.stderr, /other\.csv lacks 15 of the model's 15 features: "mine_age", .* and 10 more\n$/);
    const keyless = await load(['constant', '--url', server.url, ...SHORT], { LIGHTSCORE_API_KEY: undefined });
    assert.equal(keyless.code, 2);
    assert.match(keyless.stderr, /requires an API key \(status 401\): set LIGHTSCORE_API_KEY\n$/);
    const explained = await load(['constant', '--url', `${server.url}/docs`, ...SHORT]);
    assert.equal(explained.code, 2);
    assert.match(explained.stderr, /leave out the path/);
  });
});

test('a reload under load is checked too: each answer against the version that it names', linuxOnly, async () => {
  const store = await ModelStore.create();
  await store.point('v1.0.0');
  const server = await startServer({ MODEL_DIR: store.folder, MODEL_VERSION: undefined });
  try {
    const args = ['constant', '--url', server.url, '--model', store.folder, ...SHORT, '--duration', '8'];
    const running = load(args);
    let predictions = 0;
    // More than are sent before the load (500, and 400 to warm up), and far fewer than there are in all.
    await server.log(({ event }) => event === 'prediction' && ++predictions === 1100, 'a prediction of the load');
    await store.point('v1.1.0');
    server.signal('SIGHUP');
    const { code, report, stderr } = await running;
    assert.equal(code, 0, stderr);
    assert.deepEqual(Object.keys(report?.versions ?? {}).toSorted(), ['v1.0.0', 'v1.1.0']);
    assert.deepEqual([report?.failures, report?.unknownVersions], [{}, {}]);
  } finally {
    await server.stop();
    await store.remove();
  }
});

test('without --url a server is started with the model, and stopped', linuxOnly, async () => {
  const { code, stderr, stdout } = await load(['constant', '--model', DEMO, ...SHORT]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /started a server with .*models\/v1\.0\.0 on (\S+)/);
  const url = /on (http\S+)/.exec(stderr)?.[1];
  await assert.rejects(fetch(`${url}/healthz`), /fetch failed/);
  assert.match(stdout, /self_check\.json of/);
});

describe('a server that does not fit', linuxOnly, () => {
  test('cannot be reached', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const url = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
    closed.close();
    await once(closed, 'close');
    const { code, stderr } = await load(['constant', '--url', url, ...SHORT]);
    assert.equal(code, 2);
    assert.equal(
      stderr,
      `load: ${url} cannot be reached (nothing listens there): start a server there (npm start), or leave --url out\n`,
    );
  });

  test('is no scoring server', async () => {
    const server = createServer((_, answer) => answer.writeHead(404).end('nothing here')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { code, stderr } = await load([
      'constant',
      '--url',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ]);
    server.close();
    assert.equal(code, 2);
    assert.match(stderr, /is no scoring server: it answers \/healthz with status 404/);
  });
});

/** Stands before a server and hands on every answer to a row late. */
async function slowProxy(port: number, milliseconds: number): Promise<Server> {
  const proxy = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = httpRequest({ port, host: '127.0.0.1', method, path, headers }, (answer) => {
      const delay = path === '/score' ? milliseconds : 0;
      setTimeout(() => answer.pipe(outgoing.writeHead(answer.statusCode ?? 500, answer.headers)), delay);
    });
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return proxy;
}

test('a server that is really slow misses the limits of the scenario', linuxOnly, async () => {
  const server = await startServer();
  const proxy = await slowProxy(server.port, 120);
  try {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const { code, stdout, report, page } = await load(['constant', '--url', url, '--rate', '40', '--duration', '2']);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^constant: 2 of 4 limits are missed \(p50 in ms 1\d\d, at most 5; p99 in ms 1\d\d/);
    assert.match(stdout, /MISSED +p99 in ms: /);
    assert(report !== undefined && report.total.p50 >= 120 && report.total.p50 < 1000);
    assert.match(page, /class="verdict failed"/);
  } finally {
    proxy.close();
    await server.stop();
  }
});

test('a server that refuses requests under load fails them, by status', linuxOnly, async () => {
  const server = await startServer({ RATE_LIMIT: '1200' });
  try {
    const { code, report, stdout } = await load([
      'constant',
      '--url',
      server.url,
      '--rate',
      '2000',
      '--duration',
      '2',
      '--p99',
      '2000',
    ]);
    assert.equal(code, 1, stdout);
    assert(report !== undefined && (report.failures['status 429'] ?? 0) > 0, stdout);
    assert.match(stdout, /failed \(status 429: [\d,]+\)/);
    assert.match(stdout, /First wrong answer: HTTP\/1\.1 429/);
  } finally {
    await server.stop();
  }
});

test('the command line refuses what it does not know, and its help has examples and exit codes', async () => {
  for (const [args, reason] of [
    [['nothing'], /there is no scenario nothing; there are constant, ramp, burst/],
    [['constant', '--rate', '-3'], /it is no number above 0/],
    [['constant', '--tool', 'wrk'], /Allowed choices are open-loop, autocannon/],
    [[], /missing required argument 'scenario'/],
  ] as const) {
    const { code, stderr } = await load(args);
    assert.equal(code, 2);
    assert.match(stderr, reason);
    assert.equal(stderr.split('\n').length, 2);
  }
  const help = await load(['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /npm run load -- constant --url http:\/\/localhost:8000/);
  assert.match(help.stdout, /Exit codes: 0/);
});
