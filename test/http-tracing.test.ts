/** X-Request-ID and traceparent: what a request carries is found again in its answer and in the log. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readGolden } from './support/golden.js';
import { type ServerProcess, startServer } from './support/server.js';
import { onBothTransports } from './support/transports.js';

const { rows } = readGolden();
const plain = { features: rows[0] };
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;

onBothTransports('X-Request-ID', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport });
  });
  after(() => server.terminate());

  const score = (id: string, body: unknown = plain, path = '/score') =>
    server.score(body, path, { 'X-Request-ID': id });
  const prediction = (id: string) => server.log((line) => line.event === 'prediction' && line['request_id'] === id);

  test('stands in the answer, and names the request where its body does not', async () => {
    // Plain, with what JSON escapes, longer than the kernel keeps, and beyond ASCII.
    for (const id of ['abc-1', 'a "quoted" id\\', `long-${'x'.repeat(200)}`, 'wïre-7']) {
      const header = Buffer.from(id).toString('latin1');
      // Bytes as the body: Node's client would encode the header of a request with text once more.
      const answer = await score(header, Buffer.from(JSON.stringify(plain)));
      assert.equal(answer.status, 200);
      assert.equal(Buffer.from(String(answer.headers['x-request-id']), 'latin1').toString(), id);
      assert.equal(answer.scored.request_id, id);
      await prediction(id);
    }
  });

  test("does not replace the body's own", async () => {
    const answer = await score('header-1', { ...plain, request_id: 'body-1' });
    assert.equal(answer.headers['x-request-id'], 'header-1');
    assert.equal(answer.scored.request_id, 'body-1');
  });

  test('stands in the header and the log alone where the request is a batch', async () => {
    const answer = await score('batch-1', [plain, { ...plain, request_id: 'row-2' }], '/score_batch');
    assert.equal(answer.headers['x-request-id'], 'batch-1');
    const [first, second] = answer.scoredBatch;
    assert.match(first.request_id, /^[\da-f-]{36}$/);
    assert.equal(second.request_id, 'row-2');
    assert.equal((await prediction('row-2'))['batch_request_id'], 'batch-1');
  });

  test('names a refusal, in its body, its header and the log', async () => {
    const answer = await score('refused-1', '{');
    assert.equal(answer.status, 400);
    assert.equal(answer.headers['x-request-id'], 'refused-1');
    assert.equal(answer.problem.request_id, 'refused-1');
    await server.log((line) => line.event === 'request_refused' && line['request_id'] === 'refused-1');
    assert.equal((await server.request('/livez', { headers: { 'X-Request-ID': 'l1' } })).headers['x-request-id'], 'l1');
  });

  test('is ignored where it is too long', async () => {
    const answer = await score('x'.repeat(257));
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-request-id'], undefined);
    assert.match(answer.scored.request_id, /^[\da-f-]{36}$/);
  });

  test('with a request id that is not plain is answered as on the general path', async () => {
    const id = 'needs "escapes"';
    const [fast, general] = [await score(id), await server.score(plain, '/score?top_k=3', { 'X-Request-ID': id })];
    assert.deepEqual({ ...fast.scored, inference_time_ms: 0 }, { ...general.scored, inference_time_ms: 0 });
  });
});

onBothTransports('traceparent', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport });
  });
  after(() => server.terminate());

  test('joins predictions, refusals and error bodies to its trace', async () => {
    await server.score({ ...plain, request_id: 't1' }, '/score', { traceparent });
    await server.score({ ...plain, request_id: 't2' }, '/score?top_k=2', { traceparent });
    await server.score([{ ...plain, request_id: 't3' }], '/score_batch', { traceparent });
    for (const id of ['t1', 't2', 't3']) {
      const line = await server.log(({ event, request_id }) => event === 'prediction' && request_id === id);
      assert.equal(line['trace_id'], TRACE, id);
    }
    const refused = await server.score('{', '/score', { traceparent });
    assert.equal(refused.problem.trace_id, TRACE);
    await server.log((line) => line.event === 'request_refused' && line['trace_id'] === TRACE);
  });

  test('that is malformed is ignored', async () => {
    const malformed = [
      `00-${TRACE}`,
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `ff-${TRACE}-b7ad6b7169203331-01`,
      'x',
    ];
    for (const [i, value] of malformed.entries()) {
      await server.score({ ...plain, request_id: `m${i}` }, '/score', { traceparent: value });
      const line = await server.log(({ event, request_id }) => event === 'prediction' && request_id === `m${i}`);
      assert.equal(line['trace_id'], undefined, value);
    }
  });

  test('of one request is not carried over to the next', async () => {
    const traced = Array.from({ length: 40 }, (_, i) => i % 3 === 0);
    await Promise.all(
      traced.map((has, i) => server.score({ ...plain, request_id: `n${i}` }, '/score', has ? { traceparent } : {})),
    );
    for (const [i, has] of traced.entries()) {
      const line = await server.log(({ event, request_id }) => event === 'prediction' && request_id === `n${i}`);
      assert.equal(line['trace_id'], has ? TRACE : undefined, `n${i}`);
    }
  });
});
