/** The end of a server whose log is a full disk, a closed pipe or a reader that has stopped; and what the log lost. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { readGolden } from './support/golden.js';
import { PipedServer } from './support/piped-server.js';
import { projectRoot } from './support/project.js';
import { CLI, type Environment, MODELS, type LogLine, startServer } from './support/server.js';
import { SEVERAL } from './support/several-acceptors.js';
import { onBothTransports } from './support/transports.js';

const golden = readGolden();
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ features: golden.rows[i % golden.rows.length], request_id: `row-${i}` }));

/** DRAIN_TIMEOUT_MS of these servers, and a second for a machine that is busy. */
const IN_TIME_MS = 2000 + 1000 + 1000;
const ADMIN_KEY = 'adminkey-123456789';

async function start(
  t: TestContext,
  stdout: number | 'pipe',
  env: Readonly<Record<string, string>> = {},
): Promise<PipedServer> {
  const server = await PipedServer.start(stdout, env);
  t.after(() => server.kill());
  await server.ready();
  return server;
}

function openFull(t: TestContext): number {
  const full = openSync('/dev/full', 'w');
  t.after(() => closeSync(full));
  return full;
}

test('a full disk behind the log: the server scores, says that its log is broken, and ends when told to', async (t) => {
  const server = await start(t, openFull(t));
  assert.equal((await server.post('/score_batch', rows(100))).status, 200);
  while ((await server.metric('lightscore_log_broken')) !== 1);
  const { code, milliseconds } = await server.terminate();
  assert.equal(code, 0);
  assert(milliseconds < IN_TIME_MS, `ended after ${milliseconds} ms`);
});

test('a full disk behind the log: a start that fails says why and ends', async (t) => {
  const server = await PipedServer.start(openFull(t), { MODEL_VERSION: 'v9.9.9' });
  t.after(() => server.kill());
  assert.deepEqual(await server.exited, { code: 1, signal: null });
  assert.match(server.stderr, /v9\.9\.9/);
});

test('a reader of the log that has gone: every line since is counted by kind, and the server ends', async (t) => {
  const server = await start(t, 'pipe', { ADMIN_API_KEYS: `ops:${ADMIN_KEY}` });
  server.child.stdout?.destroy();
  await once(server.child.stdout ?? server.child, 'close');
  // The first write finds the pipe closed: what it had to write is lost as well.
  assert.equal((await server.post('/score_batch', rows(10))).status, 200);
  while ((await server.metric('lightscore_log_broken')) !== 1);
  const lost = (kind: string) => server.metric('lightscore_log_lines_lost_total', `{kind="${kind}"}`);
  while ((await lost('prediction')) !== 10);
  const audit = await lost('audit');
  assert.equal((await server.post('/score_batch', rows(500))).status, 200);
  assert.equal((await server.post('/admin/models/v1.1.0/load', {}, ADMIN_KEY)).status, 200);
  while ((await lost('prediction')) !== 510);
  assert.equal(await server.metric('lightscore_prediction_log_dropped_total'), 510);
  // The load's own entries, and the call's.
  assert((await lost('audit')) >= audit + 2);
  const { code, milliseconds } = await server.terminate();
  assert.equal(code, 0);
  assert(milliseconds < IN_TIME_MS, `ended after ${milliseconds} ms`);
});

test('a reader of the log that has stopped: signals and audit entries come out all the same', async (t) => {
  const server = await startServer(
    { DRAIN_TIMEOUT_MS: '20000', ADMIN_API_KEYS: `ops:${ADMIN_KEY}` },
    { pauseLogs: true },
  );
  t.after(() => server.stop());
  const lost = (kind: string) => server.metric('lightscore_log_lines_lost_total', `{kind="${kind}"}`);
  while ((await lost('prediction')) === 0) assert.equal((await server.score(rows(10_000), '/score_batch')).status, 200);
  const calls = 30;
  const headers = { 'X-API-Key': ADMIN_KEY };
  for (let i = 0; i < calls; i++) assert.equal((await server.request('/admin/models', { headers })).status, 200);
  server.signal('SIGHUP');
  assert.equal(await lost('audit'), 0);
  assert.equal(await lost('error'), 0);
  server.readLogs();
  await server.terminate();
  const named = (name: string) => server.logs.filter(({ event, audit }) => event === name || audit === name).length;
  assert.equal(named('admin_call'), calls);
  assert.equal(named('signal'), 2);
  assert.equal(named('stopped'), 1);
});

test('a reader of the log that is slower than the server gets all that waits', async (t) => {
  const server = await start(t, 'pipe', { DRAIN_TIMEOUT_MS: '3000' });
  const { stdout } = server.child;
  assert(stdout !== null);
  const batches = 5;
  for (let i = 0; i < batches; i++) assert.equal((await server.post('/score_batch', rows(10_000))).status, 200);
  let text = '';
  stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    // It reads less than 20 MB a second.
    const until = performance.now() + part.length / 20_000;
    while (performance.now() < until);
  });
  const { code } = await server.terminate();
  assert.equal(code, 0);
  if (!stdout.readableEnded) await once(stdout, 'end');
  assert.equal(text.split('"event":"prediction"').length - 1, batches * 10_000);
});

test('a signal that comes while the server starts ends it', async (t) => {
  const child = spawn(process.execPath, [CLI, 'serve'], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], PORT: '0', HOST: '127.0.0.1', MODEL_DIR: MODELS },
  });
  t.after(() => child.kill('SIGKILL'));
  const [first] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { event } = JSON.parse(first) as LogLine;
  assert.equal(event, 'transport');
  child.kill('SIGTERM');
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  assert(code === 0 || signal === 'SIGTERM', `${code} ${signal}`);
});

test('SIGUSR1 opens no debugger', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  server.signal('SIGUSR1');
  await server.log(({ event, signal }) => event === 'signal' && signal === 'SIGUSR1');
  assert.equal((await server.score({ features: golden.rows[0] })).status, 200);
  await server.terminate();
  assert.doesNotMatch(server.stderr, /Debugger/);
});

test('/readyz answers 503 for DRAIN_DELAY_MS before the port closes', async (t) => {
  const server = await startServer({ DRAIN_TIMEOUT_MS: '10000', DRAIN_DELAY_MS: '1500' });
  t.after(() => server.stop());
  const probe = () => server.request('/readyz', { ownConnection: true }).catch(() => undefined);
  const before = performance.now();
  server.signal('SIGTERM');
  let open = 0;
  for (let answer = await probe(); answer !== undefined; answer = await probe())
    if (answer.status === 503) open = performance.now() - before;
  assert(open > 1300 && open < 4000, `closed after ${open} ms`);
  assert.deepEqual(await server.exited, { code: 0, signal: null });
});

/** One request on a connection of its own. @returns its status, or the error's code */
function fresh(port: number, body: string): Promise<number | string> {
  return new Promise((resolve) => {
    const outgoing = request({ host: '127.0.0.1', port, path: '/score', method: 'POST', agent: false }, (incoming) =>
      incoming.resume().on('end', () => resolve(incoming.statusCode ?? 0)),
    );
    outgoing.on('error', ({ code }: NodeJS.ErrnoException) => resolve(String(code)));
    outgoing.setHeader('Content-Type', 'application/json').end(body);
  });
}

/** Ends a server under requests on fresh connections. @returns what became of them */
async function outcomesOfEnding(t: TestContext, setting: Environment): Promise<Set<number | string>> {
  const server = await startServer({ ...setting, DRAIN_TIMEOUT_MS: '10000', DRAIN_DELAY_MS: '300' });
  t.after(() => server.stop());
  const body = JSON.stringify({ features: golden.rows[0] });
  const seen = new Map<number | string, number>();
  const client = async (): Promise<void> => {
    for (let outcome: number | string = 200; outcome === 200;) {
      outcome = await fresh(server.port, body);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  while ((seen.get(200) ?? 0) < 100) await server.request('/livez');
  server.signal('SIGTERM');
  await Promise.all(clients);
  assert.deepEqual(await server.exited, { code: 0, signal: null });
  return new Set(seen.keys());
}

onBothTransports('the port closes', (TRANSPORT) => {
  for (const [name, setting] of [
    ['one acceptor', {}],
    ...(TRANSPORT === 'uws' ? [['several acceptors', SEVERAL] as const] : []),
  ] as const)
    test(`fresh connections are answered or refused, and not reset, ${name}`, async (t) => {
      // The system can accept a connection in the very moment in which the port closes, more so on a machine that is
      // busy: one of three ends must be without.
      let outcomes = await outcomesOfEnding(t, { ...setting, TRANSPORT });
      for (let more = 2; more > 0 && outcomes.has('ECONNRESET'); more--)
        outcomes = await outcomesOfEnding(t, { ...setting, TRANSPORT });
      assert.deepEqual(outcomes, new Set([200, 'ECONNREFUSED']));
    });
});
