/** Hostile requests beside good ones, over raw sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from './support/golden.js';
import { sendHostile } from './support/hostile-requests.js';
import { startServer } from './support/server.js';

test('4,000 hostile requests are refused or cut off, and the good ones beside them are unharmed', async (t) => {
  const golden = readGolden();
  const server = await startServer({ MAX_BODY_BYTES: '500000', DRAIN_TIMEOUT_MS: undefined });
  t.after(() => server.stop());
  const { sent, answers, good, faults } = await sendHostile(server.port, golden, 4000, 1_000_000);
  t.diagnostic(JSON.stringify({ sent, answers, good }));
  assert.deepEqual(faults, []);
  assert(Object.keys(sent).length >= 20, 'every kind was sent');
  assert.equal(good, 800);
  await server.queueIsEmpty();
  assert.equal(await server.metric('lightscore_worker_failures_total'), 0);
  assert.equal(await server.metric('lightscore_rejects_total', '{reason="internal"}'), 0);
  assert(!server.logs.some(({ level }) => level >= 50), 'no error in the log');
  assert.equal((await server.request('/readyz')).status, 200);
  // Nothing that was left behind by a client keeps the server.
  assert.deepEqual(await server.terminate(), { code: 0, signal: null });
  assert.equal((await server.event('stopped'))['all_answered'], true);
});
