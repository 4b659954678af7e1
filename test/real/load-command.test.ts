/** `npm run load` at length: every scenario, own models, a reload, slow servers, and autocannon as the sender. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readScenarios } from '../../loadtest/scenarios/scenarios.js';
import { SHORT, linuxOnly, load } from '../support/load-command.js';
import { ModelStore } from '../support/model-store.js';
import { projectRoot } from '../support/project.js';
import { type ServerProcess, startServer } from '../support/server.js';

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

  test('runs in every scenario, with every answer right', async () => {
    for (const name of Object.keys(readScenarios())) {
      const { report, stderr } = await load([
        name,
        '--url',
        server.url,
        ...SHORT,
        '--rate',
        '100',
        '--duration',
        '0.3',
      ]);
      assert(report !== undefined, stderr);
      assert.deepEqual(report.failures, {}, name);
      assert.equal(report.total.failed, 0, name);
      assert.deepEqual(Object.keys(report.versions), ['v1.0.0'], name);
      assert(Math.abs(report.stages.reduce((sum, { seconds }) => sum + seconds, 0) - 0.3) < 1e-9, name);
    }
  });

  test('is sent by autocannon too', async () => {
    const { report, stdout, stderr } = await load(['constant', '--url', server.url, ...SHORT, '--tool', 'autocannon']);
    assert(report !== undefined, stderr);
    assert.equal(report.total.failed, 0, stdout);
    assert((report.versions['v1.0.0'] ?? 0) > 0);
    assert.match(stdout, /autocannon sends what it owes of a second at the beginning/);
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
    const args = ['constant', '--url', server.url, '--model', store.folder, ...SHORT, '--duration', '6'];
    const running = load(args);
    let predictions = 0;
    // More than are sent before the load (500, and 400 to warm up), and far fewer than there are in all.
    await server.log(({ event }) => event === 'prediction' && ++predictions === 1000, 'a prediction of the load');
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
    const { code, stdout, report, page } = await load(['constant', '--url', url, '--rate', '40', '--duration', '1']);
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
