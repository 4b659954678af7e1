/** Limits that several acceptors share: the rate of a caller, and the rows that wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, readGolden } from './support/golden.js';
import { type Answer, type ServerProcess, startServer } from './support/server.js';
import { SEVERAL, answersByAcceptor } from './support/several-acceptors.js';

const golden = readGolden();
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ features: golden.rows[i % golden.rows.length] }));

/**
 * Requests on connections of their own: how many were permitted, and how many windows of a second they may have met.
 */
async function permitted(
  server: ServerProcess,
  requests: number,
  headers = {},
): Promise<{ count: number; windows: number }> {
  const began = performance.now();
  const answers = await Promise.all(
    Array.from({ length: requests }, () =>
      server.request('/score', { body: rows(1)[0], headers, ownConnection: true }),
    ),
  );
  for (const { status, headers: answered } of answers) {
    assert(status === 200 || status === 429);
    if (status === 429) assert.match(String(answered['retry-after']), /^[1-9]\d*$/);
  }
  return {
    count: answers.filter(({ status }) => status === 200).length,
    windows: Math.ceil((performance.now() - began) / 1000) + 1,
  };
}

test('RATE_LIMIT counts a caller over all acceptors', async (t) => {
  const server = await startServer({ ...SEVERAL, RATE_LIMIT: '30' });
  t.after(() => server.stop());
  const { count, windows } = await permitted(server, 150);
  assert((await answersByAcceptor(server)).every((answers) => answers > 5));
  assert(count >= 30 && count <= 30 * windows, `${count} permitted`);
  // Three acceptors with a limit each would have permitted 90 in the first window alone.
  if (windows <= 2) assert(count <= 60, `${count} permitted`);
});

test('RATE_LIMIT counts each key apart, over all acceptors', async (t) => {
  const server = await startServer({
    ...SEVERAL,
    RATE_LIMIT: '20',
    API_KEYS: 'a:the-key-of-caller-a,b:the-key-of-caller-b',
  });
  t.after(() => server.stop());
  const [a, b] = await Promise.all(
    ['a', 'b'].map((id) => permitted(server, 60, { 'X-API-Key': `the-key-of-caller-${id}` })),
  );
  for (const { count, windows } of [a, b]) assert(count >= 20 && count <= 20 * windows, `${count} permitted`);
});

function isRefused({ status, headers, problem }: Answer): void {
  assert.equal(status, 503);
  assert.match(String(headers['retry-after']), /^[1-9]\d*$/);
  assert.equal(problem.type, '/docs#overloaded');
}

test('QUEUE_ROWS is one queue for all acceptors: rows of one count against those of another', async (t) => {
  const server = await startServer({ ...SEVERAL, QUEUE_ROWS: '300' });
  t.after(() => server.stop());
  assert.equal((await server.score(rows(301), '/score_batch')).status, 413);
  assert.equal((await server.score(rows(300), '/score_batch')).status, 200);
  const most = { waiting: 0 };
  let over = false;
  const watched = (async () => {
    while (!over) most.waiting = Math.max(most.waiting, await server.metric('lightscore_queue_rows'));
  })();
  const answers = await Promise.all(
    Array.from({ length: 60 }, () =>
      server.request('/score_batch?explain=shap', { body: rows(100), ownConnection: true }),
    ),
  );
  over = true;
  await watched;
  const scored = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status !== 200);
  assert(scored.length >= 3 && refused.length > 0, `${scored.length} scored, ${refused.length} refused`);
  for (const { scoredBatch } of scored)
    assert(scoredBatch.every(({ confidence_score }, i) => close(confidence_score, golden.calibrated[i])));
  for (const answer of refused) isRefused(answer);
  assert(most.waiting <= 300, `${most.waiting} waited`);
  assert((await answersByAcceptor(server)).filter((count) => count > 0).length > 1);
  assert.equal(await server.metric('lightscore_rejects_total', '{reason="overloaded"}'), refused.length);
  await server.queueIsEmpty();
});
