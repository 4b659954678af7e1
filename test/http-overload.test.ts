/** More load than the queue holds: each request is scored right or refused once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, readGolden } from './support/golden.js';
import { RawConnection } from './support/raw-connection.js';
import { type Answer, startServer } from './support/server.js';

const golden = readGolden();
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ features: golden.rows[i % golden.rows.length] }));

function isRefused({ status, headers, problem }: Answer, anchor: string): void {
  assert.equal(status, 503);
  assert.match(String(headers['retry-after']), /^[1-9]\d*$/);
  assert.equal(headers['content-type'], 'application/problem+json');
  assert.equal(problem.type, `/docs#${anchor}`);
}

test('a request with more rows than the queue ever takes is a 413, and its rows cost nobody', async (t) => {
  const server = await startServer({ QUEUE_ROWS: '100' });
  t.after(() => server.stop());
  const refused = await server.score(rows(101), '/score_batch');
  assert.equal(refused.status, 413);
  assert.equal(refused.headers['retry-after'], undefined);
  assert.equal(refused.problem.detail, 'The batch has 101 rows; this server accepts at most 100.');
  assert.equal((await server.score(rows(100), '/score_batch')).status, 200);
  assert.equal((await server.score(rows(1)[0])).status, 200);
  await server.queueIsEmpty();
});

test('under more load than the queue holds every request is answered once: scored right, or 503', async (t) => {
  const server = await startServer({ QUEUE_ROWS: '300' });
  t.after(() => server.stop());
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => server.score(rows(100), '/score_batch?explain=shap')),
  );
  const scored = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status !== 200);
  assert(scored.length >= 3, 'what the queue holds is scored');
  assert(refused.length > 0, 'what it does not hold is refused');
  for (const { scoredBatch } of scored)
    assert(scoredBatch.every(({ confidence_score }, i) => close(confidence_score, golden.calibrated[i])));
  for (const answer of refused) isRefused(answer, 'overloaded');
  assert.equal(await server.metric('lightscore_rejects_total', '{reason="overloaded"}'), refused.length);
  // Refusals count among the durations: overload must not make them better.
  assert.equal(await server.metric('prediction_duration_seconds_count'), answers.length);
  await server.queueIsEmpty();
});

test('rows that wait past REQUEST_TIMEOUT_MS are given up with a 503, and the server goes on', async (t) => {
  const server = await startServer({ REQUEST_TIMEOUT_MS: '2', MAX_BATCH_ROWS: '5000' });
  t.after(() => server.stop());
  isRefused(await server.score(rows(5000), '/score_batch?explain=shap'), 'deadline-exceeded');
  assert((await server.metric('lightscore_rejects_total', '{reason="deadline_exceeded"}')) >= 1);
  assert((await server.metric('prediction_duration_seconds_count')) >= 1);
  let status = 0;
  // Two milliseconds are little for a machine that is busy with other tests.
  for (let attempt = 0; attempt < 50 && status !== 200; attempt++) ({ status } = await server.score(rows(1)[0]));
  assert.equal(status, 200);
  await server.queueIsEmpty();
});

test('a large batch that will not fit is refused before its body is read', async (t) => {
  const server = await startServer({ QUEUE_ROWS: '10000' });
  t.after(() => server.stop());
  // From this one it knows how many bytes a row has.
  assert.equal((await server.score(rows(2000), '/score_batch')).status, 200);
  const body = JSON.stringify(rows(5000));
  let isOver = true;
  let explained: Promise<Answer> | undefined;
  for (let waiting = 0; waiting <= 6000; waiting = await server.metric('lightscore_queue_rows')) {
    // They may have been scored between two looks.
    if (isOver) {
      isOver = false;
      explained = server.score(rows(9000), '/score_batch?explain=shap').finally(() => (isOver = true));
    }
  }
  const connection = await RawConnection.open(server.port);
  await connection.send(
    `POST /score_batch HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body.slice(0, 1000)}`,
  );
  const answer = await connection.answer();
  assert.equal(answer?.status, 503);
  assert.match(answer.body, /#overloaded/);
  connection.close();
  assert.equal((await explained)?.status, 200);
  await server.queueIsEmpty();
  assert.equal((await server.score(rows(5000), '/score_batch')).status, 200);
});
