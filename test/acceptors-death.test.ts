/** Acceptors that fail: they are replaced, or end the server, and what they had open is given back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, readGolden } from './support/golden.js';
import { type ServerProcess, startServer } from './support/server.js';
import { ACCEPTORS, SEVERAL, answersByAcceptor, fromEveryAcceptor } from './support/several-acceptors.js';

const golden = readGolden();
const WOUNDABLE = {
  ...SEVERAL,
  NODE_OPTIONS: `--import=${new URL('support/wound-acceptor.js', import.meta.url).href}`,
};

async function scoresRight(server: ServerProcess): Promise<void> {
  for (const { status, scored } of await fromEveryAcceptor(server, '/score', { body: { features: golden.rows[0] } })) {
    assert.equal(status, 200);
    assert(close(scored.confidence_score, golden.calibrated[0]));
  }
}

test('an acceptor that fails is replaced: others go on, counters do not go back, its memory is free', async (t) => {
  const server = await startServer(WOUNDABLE);
  t.after(() => server.stop());
  await scoresRight(server);
  const before = {
    answers: await answersByAcceptor(server),
    used: await server.metric('lightscore_shared_memory_bytes', '{kind="used"}'),
  };
  for (let death = 1; death <= 3; death++) {
    server.signal('SIGUSR2');
    let replaced = 0;
    await server.log(({ event }) => event === 'acceptor_replaced' && ++replaced === death);
    assert.equal(server.logs.filter(({ event }) => event === 'acceptor_failed').length, death);
    await scoresRight(server);
  }
  const failure = await server.event('acceptor_failed');
  assert.equal(failure.level, 50);
  assert.match(JSON.stringify(failure['err']), /is not a function/);
  const after = await answersByAcceptor(server);
  assert(
    after.every((count, i) => count > before.answers[i]),
    `${before.answers.join()} to ${after.join()}`,
  );
  assert.equal(await server.metric('lightscore_workers'), ACCEPTORS);
  assert.equal(await server.metric('lightscore_acceptor_failures_total'), 3);
  await server.queueIsEmpty();
  const used = await server.metric('lightscore_shared_memory_bytes', '{kind="used"}');
  assert(used <= before.used + ACCEPTORS * 2 ** 19, `${used - before.used} bytes more`);
  assert.deepEqual(await server.terminate(), { code: 0, signal: null });
});

test('acceptors that fail again and again end the server: it drains, and its exit code is 1', async (t) => {
  const server = await startServer(WOUNDABLE);
  t.after(() => server.stop());
  for (let death = 1; death <= 6; death++) {
    server.signal('SIGUSR2');
    let seen = 0;
    await server.log(
      ({ event }) =>
        event === (death < 6 ? 'acceptor_replaced' : 'acceptors_given_up') && ++seen === (death < 6 ? death : 1),
    );
  }
  assert.deepEqual(await server.exited, { code: 1, signal: null });
  // Those of the last acceptor that died were not.
  assert.equal((await server.event('stopped'))['all_answered'], false);
});

test('an acceptor that is ended from outside is replaced, or ends the server with what it had open', async (t) => {
  const server = await startServer(WOUNDABLE);
  t.after(() => server.stop());
  await scoresRight(server);
  server.signal('SIGWINCH');
  const { transport } = await server.event('transport');
  if (transport === 'node') {
    await server.event('acceptor_replaced');
    await scoresRight(server);
    return;
  }
  // The sockets of uWebSockets.js stand open as the thread's event loop is closed.
  assert.deepEqual(await server.exited, { code: null, signal: 'SIGABRT' });
  assert.match(server.stderr, /uv_loop_close\(\) while having open handles/);
});

test('a request that is under way in a failing acceptor is cut off, not left waiting', async (t) => {
  const server = await startServer(WOUNDABLE);
  t.after(() => server.stop());
  const outcomes = { answered: 0, cut: 0 };
  let stop = false;
  const clients = Promise.all(
    Array.from({ length: 9 }, async () => {
      while (!stop) {
        try {
          const { status, scored } = await server.request('/score', { body: { features: golden.rows[1] } });
          assert.equal(status, 200);
          assert(close(scored.confidence_score, golden.calibrated[1]));
          outcomes.answered++;
        } catch (error) {
          assert(
            error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE'),
            String(error),
          );
          outcomes.cut++;
        }
      }
    }),
  );
  while (outcomes.answered < 200) await server.request('/livez');
  server.signal('SIGUSR2');
  await server.event('acceptor_replaced');
  await scoresRight(server);
  stop = true;
  await clients;
  t.diagnostic(JSON.stringify(outcomes));
  assert(outcomes.cut <= 9, 'no connection but those of the acceptor that failed');
});
