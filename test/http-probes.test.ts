/** Probes, metrics, OpenAPI document and documentation page. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readGolden } from './support/golden.js';
import { type ServerProcess, startServer } from './support/server.js';

const golden = readGolden();

let server: ServerProcess;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('/healthz says which model is served, as the seed does', async () => {
  const { status, json } = await server.request('/healthz');
  assert.equal(status, 200);
  assert.deepEqual(
    { ...json, timestamp: '' },
    { status: 'healthy', model_loaded: true, model_version: 'v1.0.0', calibration_version: 'v1.0.0', timestamp: '' },
  );
  assert(Math.abs(Date.parse(String(json['timestamp'])) - Date.now()) < 60_000);
});

test('/livez and /readyz answer 200 with a model', async () => {
  assert.deepEqual((await server.request('/livez')).json, { status: 'alive' });
  assert.deepEqual((await server.request('/readyz')).json, { status: 'ready' });
});

test('/openapi.json describes every route that there is, and the model served', async () => {
  const { status, headers, text, json } = await server.request('/openapi.json');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  assert.match(String(json['openapi']), /^3\.1\./);
  const paths: Record<string, Record<string, unknown>> = JSON.parse(JSON.stringify(json['paths']));
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of ['get', 'post']) {
      const answer = await server.request(path, { method: method.toUpperCase() });
      assert.notEqual(answer.status, 404, path);
      assert.equal(answer.status === 405, !(method in methods), `${method} ${path}`);
    }
  }
  for (const path of ['/score', '/score_batch', '/healthz', '/livez', '/readyz', '/metrics'])
    assert(path in paths, path);
  assert(text.includes('dealer_fraud_percentile'), "the example has the model's own names");
});

test('/docs is one page that asks nothing of another host', async () => {
  const { status, headers, text } = await server.request('/docs');
  assert.equal(status, 200);
  assert.match(String(headers['content-type']), /^text\/html/);
  assert.doesNotMatch(text, /(?:src|href)="(?:https?:)?\/\//);
});

test('HEAD of a probe answers its headers alone', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/openapi.json', '/docs', '/metrics']) {
    const [head, get] = [await server.request(path, { method: 'HEAD' }), await server.request(path)];
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-type'], get.headers['content-type']);
    if (path === '/livez' || path === '/docs')
      assert.equal(head.headers['content-length'], String(Buffer.byteLength(get.text)));
  }
});

test('/metrics counts known traffic exactly', async (t) => {
  const fresh = await startServer({ QUEUE_ROWS: '500', WORKERS: '2' });
  t.after(() => fresh.stop());
  for (let i = 0; i < 7; i++) await fresh.score({ features: golden.rows[i] });
  await fresh.score(
    golden.rows.slice(0, 100).map((features) => ({ features })),
    '/score_batch',
  );
  await fresh.score({ features: golden.rows[9] }, '/score?explain=shap');
  for (const body of ['{', '[', '{"features":[]}', '{}', '{"features":[1]}']) await fresh.score(body);
  await fresh.request('/nope');
  await fresh.request('/score');
  await fresh.score(
    Array.from({ length: 501 }, () => ({ features: golden.rows[0] })),
    '/score_batch',
  );

  const model = '{model_version="v1.0.0",variant="champion"}';
  const { headers, text } = await fresh.request('/metrics');
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length + 1),
    );
  const expected: Readonly<Record<string, number>> = {
    [`predictions_total${model}`]: 108,
    prediction_duration_seconds_count: 9,
    'prediction_duration_seconds_bucket{le="+Inf"}': 9,
    'lightscore_http_requests_total{route="/score",status="200"}': 8,
    'lightscore_http_requests_total{route="/score",status="400"}': 5,
    'lightscore_http_requests_total{route="/score",status="405"}': 1,
    'lightscore_http_requests_total{route="/score_batch",status="200"}': 1,
    'lightscore_http_requests_total{route="/score_batch",status="413"}': 1,
    'lightscore_http_requests_total{route="/score_batch",status="503"}': 0,
    'lightscore_http_requests_total{route="other",status="404"}': 1,
    'lightscore_rejects_total{reason="malformed_json"}': 2,
    'lightscore_rejects_total{reason="invalid_body"}': 1,
    'lightscore_rejects_total{reason="feature_count"}': 2,
    'lightscore_rejects_total{reason="batch_too_large"}': 1,
    'lightscore_rejects_total{reason="overloaded"}': 0,
    'lightscore_rejects_total{reason="not_found"}': 1,
    'lightscore_rejects_total{reason="method_not_allowed"}': 1,
    lightscore_queue_rows: 0,
    lightscore_ready: 1,
    lightscore_workers: Math.max(2, Number(process.env['ACCEPTORS'] ?? 1)),
    lightscore_worker_failures_total: 0,
    lightscore_inline_batches_total: 0,
    lightscore_batch_rows_sum: 108,
    lightscore_prediction_log_dropped_total: 0,
    [`lightscore_confidence_score_count${model}`]: 108,
  };
  for (const [series, count] of Object.entries(expected)) assert.equal(value(series), count, series);
  assert.equal(value(`model_confidence_score${model}`), golden.calibrated[9]);
  assert(value('prediction_duration_seconds_sum') > 0 && value('prediction_duration_seconds_sum') < 9);
  const info = text.split('\n').find((line) => line.startsWith('lightscore_model_info{')) ?? '';
  assert.match(
    info,
    /model_version="v1\.0\.0".*sha256="6f0fcfae8170da6ab90e739baa6d47b8c55739cb7c378d857f973073c42f6fd1".* 1$/,
  );
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_user_seconds_total',
    'nodejs_eventloop_lag_seconds',
  ])
    assert(value(name) >= 0, name);
  for (const line of text.split('\n'))
    assert.match(line, /^$|^# (?:HELP|TYPE) \w+ |^\w+(?:\{[^}]*\})? (?:-?[\d.]+(?:e[+-]?\d+)?|NaN|[+-]Inf)$/, line);
});
