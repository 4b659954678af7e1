/** The prediction log of a running server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, readGolden } from './support/golden.js';
import { startServer } from './support/server.js';

const golden = readGolden();
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ features: golden.rows[i % golden.rows.length], request_id: `row-${i}` }));

test("every scored row is one prediction event with the seed's fields", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const { scoredBatch } = await server.score(rows(300), '/score_batch');
  await server.score({ features: golden.rows[0], request_id: 'with "quotes"\n' });
  await server.score({ features: [] });
  await server.log(({ request_id }) => request_id === 'with "quotes"\n', 'the last prediction');
  const events = server.logs.filter(({ event }) => event === 'prediction');
  assert.equal(events.length, 301);
  for (const [i, { confidence_score, request_id }] of scoredBatch.entries()) {
    const event = events.find((line) => line['request_id'] === request_id);
    assert(event !== undefined);
    assert.deepEqual(Object.keys(event), [
      'level',
      'time',
      'pid',
      'event',
      'request_id',
      'confidence_score',
      'inference_time_ms',
      'model_version',
      'timestamp',
    ]);
    assert.equal(event['confidence_score'], confidence_score);
    assert(close(confidence_score, golden.calibrated[i]));
    assert.equal(event['model_version'], 'v1.0.0');
    assert(Number.isInteger(event['inference_time_ms']));
    assert.equal(new Date(String(event['timestamp'])).toISOString(), event['timestamp']);
  }
});

test('a prediction event takes as many bytes as the documentation says', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const { scored } = await server.score({ features: golden.rows[0] });
  const event = await server.log(({ event: name }) => name === 'prediction');
  assert.equal(scored.request_id.length, 36);
  const bytes = JSON.stringify(event).length + 1;
  assert(bytes > 246 && bytes < 266, String(bytes));
});

test('PREDICTION_LOG_SAMPLE logs that share of the rows, and LOG_LEVEL=warning none', async (t) => {
  for (const [env, expected] of [
    [{ PREDICTION_LOG_SAMPLE: '0.25' }, 250],
    [{ PREDICTION_LOG_SAMPLE: '0' }, 0],
    [{ LOG_LEVEL: 'WARNING' }, 0],
  ] as const) {
    const server = await startServer({ ...env, DRAIN_TIMEOUT_MS: '200' });
    t.after(() => server.stop());
    assert.equal((await server.score(rows(1000), '/score_batch')).status, 200);
    await server.terminate();
    assert.equal(server.logs.filter(({ event }) => event === 'prediction').length, expected, JSON.stringify(env));
  }
});

test('a log that nobody reads stalls neither answers nor the end, and drops whole events, counted', async (t) => {
  const server = await startServer({ DRAIN_TIMEOUT_MS: '30000' }, { pauseLogs: true });
  t.after(() => server.stop());
  const batches = 12;
  for (let i = 0; i < batches; i++) {
    const answer = await server.score(rows(10_000), '/score_batch');
    assert.equal(answer.status, 200);
    assert.equal(answer.scoredBatch.length, 10_000);
  }
  const dropped = await server.metric('lightscore_prediction_log_dropped_total');
  assert(dropped > 0, 'more than may wait');
  assert.equal((await server.request('/readyz')).status, 200);
  server.readLogs();
  await server.terminate();
  const logged = server.logs.filter(({ event }) => event === 'prediction').length;
  assert.equal(logged + dropped, batches * 10_000);
});

test('a log that nobody ever reads does not keep the process', async (t) => {
  const server = await startServer({ DRAIN_TIMEOUT_MS: '1000' }, { pauseLogs: true });
  t.after(() => server.stop());
  for (let i = 0; i < 2; i++) assert.equal((await server.score(rows(10_000), '/score_batch')).status, 200);
  server.signal('SIGTERM');
  const ended = await Promise.race([
    server.ended,
    new Promise((resolve) => setTimeout(() => resolve('still there'), 8000)),
  ]);
  assert.notEqual(ended, 'still there');
});
