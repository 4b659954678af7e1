/** The end of a server: it drains, answers what was begun, and ends in time. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { close, readGolden } from './support/golden.js';
import { RawConnection, postBytes } from './support/raw-connection.js';
import { type ServerProcess, startServer } from './support/server.js';
import { ACCEPTORS, SEVERAL } from './support/several-acceptors.js';

/** For the names of tests. */
const nameOf = (setting: object): string => (setting === SEVERAL ? 'several acceptors' : 'one acceptor');

const golden = readGolden();

/** Scores on and on over kept-alive connections, until one cannot be made any more. */
async function load(
  server: ServerProcess,
  name: string,
  answered: Map<string, number>,
  failed: string[],
): Promise<void> {
  for (let i = 0; ; i++) {
    const id = `${name}-${i}`;
    try {
      const { status, scored } = await server.score({ features: golden.rows[i % golden.rows.length], request_id: id });
      assert.equal(status, 200);
      assert(close(scored.confidence_score, golden.calibrated[i % golden.rows.length]));
      assert.equal(scored.request_id, id);
      answered.set(id, scored.confidence_score);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      failed.push(id);
      return;
    }
  }
}

/** Resolves when no connection can be made to the server any more. */
async function untilDeaf(server: ServerProcess): Promise<void> {
  for (;;) {
    try {
      (await RawConnection.open(server.port)).close();
    } catch (error) {
      assert(error instanceof Error && 'code' in error);
      if (error.code === 'ECONNREFUSED') return;
      // A socket that stops listening resets the connections that it has not taken yet.
      assert.equal(error.code, 'ECONNRESET');
    }
  }
}

for (const [signal, setting] of [
  ['SIGTERM', {}],
  ['SIGINT', {}],
  ['SIGTERM', SEVERAL],
] as const) {
  test(`${signal} under load: /readyz turns 503, all is answered, exit code 0, ${nameOf(setting)}`, async (t) => {
    const server = await startServer({ ...setting, DRAIN_TIMEOUT_MS: undefined });
    t.after(() => server.stop());
    const answered = new Map<string, number>();
    const failed: string[] = [];
    const clients = Array.from({ length: 16 }, (_, i) => load(server, `client${i}`, answered, failed));
    while (answered.size < 200) await server.request('/livez');
    assert.equal(failed.length, 0);

    const before = performance.now();
    server.signal(signal);
    await server.event('draining');
    for (let i = 0; i < (setting === SEVERAL ? 6 * ACCEPTORS : 1); i++) {
      const probe = await RawConnection.open(server.port);
      await probe.send('GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n');
      const readiness = await probe.answer();
      assert.equal(readiness?.status, 503);
      assert.match(readiness.body, /"type":"\/docs#draining"/);
      assert.equal(readiness.headers.get('connection'), 'close');
      assert.match(readiness.headers.get('retry-after') ?? '', /^\d+$/);
      await probe.untilClosed();
    }
    assert.equal((await server.request('/livez', { ownConnection: true })).status, 200);

    assert.deepEqual(await server.exited, { code: 0, signal: null });
    assert(performance.now() - before < 10_000, 'ends in time');
    await Promise.all(clients);
    assert.equal((await server.event('stopped'))['all_answered'], true);
    // Every scored row is in the log: each of them reached its client, and what failed had not been accepted.
    const scored = server.logs
      .filter(({ event }) => event === 'prediction')
      .map(({ request_id }) => String(request_id));
    assert.deepEqual(new Set(scored), new Set(answered.keys()));
    assert.equal(scored.length, answered.size);
  });
}

for (const setting of [{}, SEVERAL])
  test(`a request whose body is still coming is answered after the port has closed, ${nameOf(setting)}`, async (t) => {
    const server = await startServer({ ...setting, DRAIN_TIMEOUT_MS: '20000' });
    t.after(() => server.stop());
    const request = postBytes('/score', JSON.stringify({ features: golden.rows[3], request_id: 'late' }));
    const idle = await RawConnection.open(server.port);
    const connection = await RawConnection.open(server.port);
    await connection.send(request.subarray(0, -10));
    assert.equal((await server.request('/livez')).status, 200);
    server.signal('SIGTERM');
    await untilDeaf(server);
    await connection.send(request.subarray(-10));
    const answer = await connection.answer();
    assert.equal(answer?.status, 200);
    assert.equal(answer.headers.get('connection'), 'close');
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    await idle.untilClosed();
  });

test('a second signal does not cut the draining short', async (t) => {
  const server = await startServer({ DRAIN_TIMEOUT_MS: '20000' });
  t.after(() => server.stop());
  const request = postBytes('/score', JSON.stringify({ features: golden.rows[3] }));
  const connection = await RawConnection.open(server.port);
  await connection.send(request.subarray(0, -10));
  assert.equal((await server.request('/livez')).status, 200);
  server.signal('SIGTERM');
  await server.event('draining');
  server.signal('SIGTERM');
  server.signal('SIGINT');
  await untilDeaf(server);
  await connection.send(request.subarray(-10));
  assert.equal((await connection.answer())?.status, 200);
  assert.deepEqual(await server.exited, { code: 0, signal: null });
});

for (const setting of [{}, SEVERAL])
  test(`a body that hangs does not keep the process past DRAIN_TIMEOUT_MS, ${nameOf(setting)}`, async (t) => {
    const server = await startServer({ ...setting, DRAIN_TIMEOUT_MS: '1000' });
    t.after(() => server.stop());
    const connection = await RawConnection.open(server.port);
    await connection.send(postBytes('/score', JSON.stringify({ features: golden.rows[3] })).subarray(0, -10));
    assert.equal((await server.request('/livez')).status, 200);
    const before = performance.now();
    assert.deepEqual(await server.terminate(), { code: 0, signal: null });
    assert(performance.now() - before < 4000);
    assert.equal((await server.event('stopped'))['all_answered'], false);
    await connection.untilClosed();
  });

for (const setting of [{}, SEVERAL])
  test(`a large answer reaches a client that reads slowly, although the server ends, ${nameOf(setting)}`, async (t) => {
    const rows = 20_000;
    const server = await startServer({
      ...setting,
      MAX_BATCH_ROWS: String(rows),
      QUEUE_ROWS: String(2 * rows),
      MAX_BODY_BYTES: '20000000',
      PREDICTION_LOG_SAMPLE: '0',
      DRAIN_TIMEOUT_MS: '20000',
    });
    t.after(() => server.stop());
    const items = Array.from({ length: rows }, (_, i) => ({
      features: golden.rows[i % golden.rows.length],
      request_id: `${i}`.padStart(200, '-'),
    }));
    const client = connect({ port: server.port, host: '127.0.0.1' });
    const received: Buffer[] = [];
    client.on('data', (bytes: Buffer) => received.push(bytes));
    const closed = once(client, 'close');
    client.pause();
    client.write(postBytes('/score_batch', JSON.stringify(items)));
    while ((await server.metric('lightscore_http_requests_total', '{route="/score_batch",status="200"}')) !== 1);
    server.signal('SIGTERM');
    await untilDeaf(server);
    client.resume();
    await closed;
    const answer = Buffer.concat(received);
    const end = answer.indexOf('\r\n\r\n');
    const length = /content-length: (\d+)/i.exec(answer.toString('latin1', 0, end))?.[1];
    // More than the system holds for a connection: most of it still waited when the port closed.
    assert(Number(length) > 8_000_000);
    assert.equal(answer.length - end - 4, Number(length));
    assert.equal((JSON.parse(answer.toString('utf8', end + 4)) as unknown[]).length, rows);
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    assert.equal((await server.event('stopped'))['all_answered'], true);
  });
