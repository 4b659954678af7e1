/** A server that meets a bug of its own outside of any request: a broken invariant on its main thread. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, readGolden } from './support/golden.js';
import { RawConnection, postBytes } from './support/raw-connection.js';
import { startServer } from './support/server.js';
import { SEVERAL } from './support/several-acceptors.js';

const golden = readGolden();
const WOUNDABLE = { NODE_OPTIONS: `--import=${new URL('support/wound-server.js', import.meta.url).href}` };
const BROKEN = /InvariantError.*more is given back to a quota than was taken from it/;

for (const [what, setting] of [
  ['', {}],
  [', with several acceptors', SEVERAL],
] as const)
  test(`a server that breaks an invariant says so, answers what it has accepted and ends with 1${what}`, async (t) => {
    const server = await startServer({ ...WOUNDABLE, ...setting, DRAIN_TIMEOUT_MS: '20000' });
    t.after(() => server.kill());
    const request = postBytes('/score', JSON.stringify({ features: golden.rows[3] }));
    const connection = await RawConnection.open(server.port);
    await connection.send(request.subarray(0, -10));
    const { status, scored } = await server.score({ features: golden.rows[0] });
    assert.equal(status, 200);
    assert(close(scored.confidence_score, golden.calibrated[0]));

    server.signal('SIGUSR2');
    const fault = await server.event('uncaught_exception');
    assert.equal(fault.level, 60);
    assert.match(JSON.stringify(fault['err']), BROKEN);
    await server.event('draining');
    await connection.send(request.subarray(-10));
    assert.equal((await connection.answer())?.status, 200);
    assert.deepEqual(await server.exited, { code: 1, signal: null });
    assert.equal((await server.event('stopped'))['all_answered'], true);
  });

test('a fault while a server drains makes its exit code 1', async (t) => {
  const server = await startServer(WOUNDABLE);
  t.after(() => server.kill());
  server.signal('SIGTERM');
  await server.event('draining');
  server.signal('SIGUSR2');
  await server.event('uncaught_exception');
  assert.deepEqual(await server.exited, { code: 1, signal: null });
});
