/** Several acceptors are one server: routes, keys, experiments, metrics, log and admin calls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_KEY, startAdministered } from './support/administration.js';
import { close, inParallel, readGolden } from './support/golden.js';
import { failingServer, startServer } from './support/server.js';
import { ACCEPTORS, SEVERAL, answersByAcceptor, fromEveryAcceptor } from './support/several-acceptors.js';

const golden = readGolden();
const KEY = 'a-scoring-key-of-the-tests';

for (const scoring of ['pool', 'auto', 'inline']) {
  test(`every acceptor takes connections and answers LightGBM's scores with SCORING=${scoring}`, async (t) => {
    const server = await startServer({ ...SEVERAL, SCORING: scoring });
    t.after(() => server.stop());
    let asked = 0;
    await inParallel(golden.rows.length, 32, async (i) => {
      const { status, scored } = await server.request('/score', {
        body: { features: golden.rows[i], request_id: `r${i}` },
        ownConnection: i % 2 === 0,
      });
      assert.equal(status, 200);
      assert.equal(scored.request_id, `r${i}`);
      assert(close(scored.confidence_score, golden.calibrated[i]), `row ${i}`);
      asked++;
    });
    const batch = await server.score(
      golden.rows.map((features) => ({ features })),
      '/score_batch',
    );
    assert(batch.scoredBatch.every(({ confidence_score }, i) => close(confidence_score, golden.calibrated[i])));
    const spread = await answersByAcceptor(server);
    assert(
      spread.every((count) => count > 10),
      `answers by acceptor: ${spread.join()}`,
    );
    assert.equal(await server.metric('lightscore_http_requests_total', '{route="/score",status="200"}'), asked);
    assert.equal(
      await server.metric('predictions_total', '{model_version="v1.0.0",variant="champion"}'),
      asked + golden.rows.length,
    );
    await server.queueIsEmpty();
    assert.equal(await server.metric('lightscore_workers'), ACCEPTORS);
  });
}

test('TreeSHAP answers are the same from every acceptor', async (t) => {
  const server = await startServer(SEVERAL);
  t.after(() => server.stop());
  const answers = await fromEveryAcceptor(server, '/score?explain=shap&top_k=15', {
    body: { features: golden.rows[0], request_id: 'r' },
  });
  const first = answers[0].scored.top_features;
  for (const { status, scored } of answers) {
    assert.equal(status, 200);
    assert.deepEqual(scored.top_features, first);
  }
});

test('every acceptor answers every route, with keys and over TLS', async (t) => {
  const { server } = await startAdministered(t, {
    ...SEVERAL,
    API_KEYS: `client:${KEY}`,
    METRICS_AUTH: '0',
    TLS_CERT_FILE: 'test/data/tls/certificate.pem',
    TLS_KEY_FILE: 'test/data/tls/key.pem',
  });
  const body = { features: golden.rows[0] };
  for (const [path, options, status] of [
    ['/score', { body, headers: { 'X-API-Key': KEY } }, 200],
    ['/score', { body }, 401],
    ['/score', { body, headers: { 'X-API-Key': ADMIN_KEY } }, 403],
    ['/score', { body: '{', headers: { 'X-API-Key': KEY } }, 400],
    ['/healthz', {}, 200],
    ['/livez', {}, 200],
    ['/readyz', {}, 200],
    ['/metrics', {}, 200],
    ['/docs', {}, 200],
    ['/openapi.json', {}, 200],
    ['/admin/models', {}, 401],
    ['/admin/models', { headers: { 'X-API-Key': ADMIN_KEY } }, 200],
    ['/admin/models', { method: 'POST', headers: { 'X-API-Key': ADMIN_KEY } }, 405],
    ['/admin/models/v9', { method: 'DELETE', headers: { 'X-API-Key': ADMIN_KEY } }, 404],
    ['/admin/experiment', { method: 'PUT', headers: { 'X-API-Key': ADMIN_KEY }, body: '{"version"' }, 400],
    ['/nowhere', {}, 404],
  ] as const) {
    const answers = await fromEveryAcceptor(server, path, options);
    assert.deepEqual(
      [...new Set(answers.map((answer) => answer.status))],
      [status],
      `${path}: ${answers[0].text.slice(0, 200)}`,
    );
  }
});

test('METRICS_AUTH=1 holds on every acceptor', async (t) => {
  const server = await startServer({ ...SEVERAL, API_KEYS: `client:${KEY}`, METRICS_AUTH: '1' });
  t.after(() => server.stop());
  for (let i = 0; i < 6 * ACCEPTORS; i++) {
    assert.equal((await server.request('/metrics', { ownConnection: true })).status, 401);
    assert.equal(
      (await server.request('/metrics', { ownConnection: true, headers: { 'X-API-Key': KEY } })).status,
      200,
    );
  }
});

test('admin calls change what all acceptors serve before they are answered, and are audited', async (t) => {
  const { server, admin } = await startAdministered(t, SEVERAL);
  const headers = { 'X-API-Key': ADMIN_KEY };
  for (let i = 0; i < 12; i++) {
    const version = i % 2 === 0 ? 'v1.1.0' : 'v1.0.0';
    const changed = await server.request(`/admin/models/${version}/activate`, {
      method: 'POST',
      headers,
      ownConnection: true,
    });
    assert.equal(changed.json['champion'], version);
    const answers = await Promise.all(
      Array.from({ length: 4 * ACCEPTORS }, (_, row) =>
        server.request('/score', { body: { features: golden.rows[row] }, ownConnection: true }),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ scored }) => scored.model_version))], [version]);
  }
  await fromEveryAcceptor(server, '/admin/models', { headers });
  const same = (await fromEveryAcceptor(server, '/admin/models', { headers })).map(({ text }) => text);
  assert.equal(new Set(same).size, 1);
  assert.equal((await admin('POST', '/models/v9.9.9/activate')).problem.type, '/docs#version-not-found');
  assert.equal(
    (
      await server.request('/admin/rollback', {
        method: 'POST',
        headers: { 'X-API-Key': 'no-admin-key-at-all' },
        ownConnection: true,
      })
    ).status,
    401,
  );
  const entry = await server.log(
    ({ event, audit, outcome, path }) =>
      event === 'audit' && audit === 'admin_call' && outcome === 'refused' && path === '/admin/models/v9.9.9/activate',
  );
  assert.deepEqual(
    [entry['actor'], entry['method'], entry['address'], entry['problem']],
    ['key:tester', 'POST', '127.0.0.1', 'VERSION_NOT_FOUND'],
  );
  const anonymous = await server.log(
    ({ event, audit, actor }) => event === 'audit' && audit === 'admin_call' && actor === 'anonymous',
  );
  assert.deepEqual(
    [anonymous['path'], anonymous['address'], anonymous['outcome']],
    ['/admin/rollback', '127.0.0.1', 'refused'],
  );
});

test('an experiment draws the same version for a key on every acceptor; a shadow scores all answers', async (t) => {
  const { server, admin } = await startAdministered(t, SEVERAL);
  assert.equal((await admin('PUT', '/experiment', { version: 'v1.1.0', mode: 'ab', share: 0.5 })).status, 200);
  const versions = new Set<string>();
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    const answers = await fromEveryAcceptor(server, '/score', {
      body: { features: golden.rows[1] },
      headers: { 'X-Experiment-Key': key },
    });
    const drawn = new Set(answers.map(({ scored }) => scored.model_version));
    assert.equal(drawn.size, 1, key);
    for (const version of drawn) versions.add(version);
  }
  assert.equal(versions.size, 2);
  assert.equal((await admin('PUT', '/experiment', { version: 'v1.1.0', mode: 'shadow', share: 1 })).status, 200);
  const before = await server.metric('predictions_total', '{model_version="v1.0.0",variant="champion"}');
  await fromEveryAcceptor(server, '/score', { body: { features: golden.rows[2] } });
  const answered = (await server.metric('predictions_total', '{model_version="v1.0.0",variant="champion"}')) - before;
  const labels = '{model_version="v1.1.0",champion="v1.0.0"}';
  let shadowed = 0;
  while (shadowed < answered) {
    shadowed =
      (await server.metric('lightscore_shadow_confidence_score_count', labels)) +
      (await server.metric('lightscore_shadow_dropped_total', labels));
  }
  assert.equal(shadowed, answered);
});

test('/metrics is one count over all acceptors, whichever answers, and counters never go back', async (t) => {
  const server = await startServer(SEVERAL);
  t.after(() => server.stop());
  let stop = false;
  const traffic = Promise.all(
    Array.from({ length: 6 }, async () => {
      while (!stop) await server.request('/score', { body: { features: golden.rows[0] }, ownConnection: true });
    }),
  );
  const before = new Map<string, number>();
  for (let i = 0; i < 40; i++) {
    const { text } = await server.request('/metrics', { ownConnection: true });
    const counters = new Set([...text.matchAll(/^# TYPE (\S+) (?:counter|histogram)$/gm)].map(([, name]) => name));
    for (const [, series, name, value] of text.matchAll(/^(([a-z_]+)(?:\{.*\})?) (\S+)$/gm)) {
      if (!counters.has(name) && !counters.has(name.replace(/_(?:bucket|sum|count)$/, ''))) continue;
      assert(Number(value) >= (before.get(series) ?? 0), `${series} went from ${before.get(series)} to ${value}`);
      before.set(series, Number(value));
    }
    // A series begins with its first event.
    assert.equal(
      before.get('lightscore_http_requests_total{route="/score",status="200"}') ?? 0,
      before.get('prediction_duration_seconds_count'),
    );
  }
  stop = true;
  await traffic;
  assert((before.get('prediction_duration_seconds_count') ?? 0) > 40);
});

test('a second server on the port is refused, with one acceptor or several; the first goes on', async (t) => {
  const server = await startServer(SEVERAL);
  t.after(() => server.stop());
  for (const acceptors of ['1', '2']) {
    const { code, stderr } = await failingServer({ PORT: String(server.port), ACCEPTORS: acceptors });
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${server.port}: another process has it`));
  }
  const single = await startServer();
  t.after(() => single.stop());
  assert.equal((await failingServer({ PORT: String(single.port), ...SEVERAL })).code, 1);
  for (const one of [server, single]) assert.equal((await one.score({ features: golden.rows[0] })).status, 200);
});

test('the prediction log of several acceptors has whole lines only, one for every answer', async (t) => {
  const server = await startServer({ ...SEVERAL, SCORING: 'auto', DRAIN_TIMEOUT_MS: undefined });
  t.after(() => server.stop());
  const ids: string[] = [];
  // Lines of a thousand characters: far more than a pipe takes in one piece.
  const padding = 'p'.repeat(200);
  await inParallel(60, 12, async (batch) => {
    const rows = Array.from({ length: 100 }, (_, row) => ({
      features: golden.rows[row],
      request_id: `${batch}-${row}-${padding}`,
    }));
    const { status, scoredBatch } = await server.request('/score_batch', { body: rows, ownConnection: true });
    assert.equal(status, 200);
    ids.push(...scoredBatch.map(({ request_id }) => request_id));
  });
  assert((await answersByAcceptor(server)).every((count) => count > 0));
  assert.deepEqual(await server.terminate(), { code: 0, signal: null });
  // `logs` throws at a line that is not JSON.
  const logged = server.logs.filter(({ event }) => event === 'prediction').map(({ request_id }) => String(request_id));
  assert.equal(logged.length, ids.length);
  assert.deepEqual(new Set(logged), new Set(ids));
});

test('a server without a model answers 503 on every acceptor, and /healthz says so', async (t) => {
  const server = await startServer(
    {
      ...SEVERAL,
      MODEL_DIR: undefined,
      MODEL_VERSION: undefined,
      MODEL_S3_BUCKET: 'nowhere',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_REGION: 'us-east-1',
    },
    { until: 'listening' },
  );
  t.after(() => server.stop());
  for (const answer of await fromEveryAcceptor(server, '/readyz')) assert.equal(answer.problem.type, '/docs#not-ready');
  for (const answer of await fromEveryAcceptor(server, '/score', { body: { features: golden.rows[0] } }))
    assert.equal(answer.status, 503);
  for (const answer of await fromEveryAcceptor(server, '/healthz')) assert.equal(answer.json['model_loaded'], false);
  assert.deepEqual(await server.terminate(), { code: 0, signal: null });
});
