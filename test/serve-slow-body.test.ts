/** Bodies that come too slowly. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readGolden } from './support/golden.js';
import { RawConnection, postBytes } from './support/raw-connection.js';
import { type ServerProcess, startServer } from './support/server.js';

const body = JSON.stringify({ features: readGolden().rows[0] });
const request = postBytes('/score', body);

/** Opens a request, leaves its body unfinished, and waits for the refusal. */
async function refusedForSlowness(server: ServerProcess, drip: boolean): Promise<void> {
  const connection = await RawConnection.open(server.port);
  await connection.send(request.subarray(0, -20));
  let over = false;
  // A byte now and then keeps uWebSockets.js from seeing an idle connection.
  const drops = (async () => {
    for (let left = 20; drip && left > 1 && !over; left--) {
      await pause(1000);
      await connection.send(request.subarray(-left, -left + 1));
    }
  })();
  const answer = await connection.answer();
  over = true;
  assert.equal(answer?.status, 408);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  assert.equal(answer.headers.get('connection'), 'close');
  await connection.untilClosed();
  connection.close();
  await drops;
}

// Each waits for the server's time limit of some seconds: all at the same time.
describe('a body that does not come in time', { concurrency: true }, () => {
  test('is a 408, whether nothing comes any more or a byte a second', async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const good = (async () => {
      for (let i = 0; i < 50; i++) assert.equal((await server.score(body)).status, 200);
    })();
    await Promise.all([refusedForSlowness(server, false), refusedForSlowness(server, true), good]);
    assert.equal(await server.metric('lightscore_rejects_total', '{reason="body_timeout"}'), 2);
  });

  test('is a 408 while the server drains, which then ends with code 0', async (t) => {
    const server = await startServer({ DRAIN_TIMEOUT_MS: '15000' });
    t.after(() => server.stop());
    const hanging = refusedForSlowness(server, false);
    assert.equal((await server.request('/livez')).status, 200);
    assert.equal((await server.request('/livez')).status, 200);
    server.signal('SIGTERM');
    await hanging;
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    assert.equal((await server.event('stopped'))['all_answered'], true);
  });
});
