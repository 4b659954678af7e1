/** `npm run load` against real servers: the demo model, and servers that do not fit. test/real has the rest. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePorts } from './support/free-ports.js';
import { SHORT, linuxOnly, load } from './support/load-command.js';
import { projectRoot } from './support/project.js';
import { MODELS, type ServerProcess, startServer } from './support/server.js';

const DEMO = join(projectRoot, 'models/v1.0.0');

const folder = mkdtempSync(join(tmpdir(), 'lightscore-load-rows-'));
after(() => rmSync(folder, { recursive: true }));

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
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
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
