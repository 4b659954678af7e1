/** What the metrics mean: series that exist from the start and end, and histograms that read true. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROBLEMS } from '../src/contract/problem.js';
import { LINE_KINDS } from '../src/telemetry/log-destination.js';
import { Metrics } from '../src/telemetry/metrics.js';
import { readGolden } from './support/golden.js';
import { ModelStore } from './support/model-store.js';
import { type ServerProcess, startServer } from './support/server.js';
import { SEVERAL } from './support/several-acceptors.js';

const golden = readGolden();
const KEY = 'adminkey-123456789';

async function series(server: ServerProcess): Promise<Map<string, number>> {
  const { text } = await server.request('/metrics');
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

/** What Prometheus' `histogram_quantile` makes of cumulative buckets. */
function quantile(q: number, buckets: readonly (readonly [le: number, cumulative: number])[]): number {
  const total = buckets[buckets.length - 1][1];
  const at = buckets.findIndex(([, cumulative]) => cumulative >= q * total);
  const [upper, cumulative] = buckets[at];
  if (upper === Infinity) return buckets[at - 1][0];
  if (at === 0 && upper <= 0) return upper;
  const [lower, below] = at === 0 ? [0, 0] : buckets[at - 1];
  return lower + ((upper - lower) * (q * total - below)) / (cumulative - below);
}

function bucketsOf(all: ReadonlyMap<string, number>, name: string): [number, number][] {
  return [...all]
    .filter(([line]) => line.startsWith(`${name}_bucket{`))
    .map(([line, value]): [number, number] => [
      Number(/le="([^"]*)"/.exec(line)?.[1]?.replace('+Inf', 'Infinity')),
      value,
    ]);
}

for (const [name, setting] of [
  ['one acceptor', {}],
  ['several acceptors', SEVERAL],
] as const)
  test(`every reason, kind, outcome and status class is there at 0 from the start, ${name}`, async (t) => {
    const server = await startServer({ ...setting, ADMIN_API_KEYS: `ops:${KEY}` });
    t.after(() => server.stop());
    const all = await series(server);
    const isThere = (line: string): void => assert.equal(all.get(line), 0, line);
    for (const code of Object.keys(PROBLEMS)) isThere(`lightscore_rejects_total{reason="${code.toLowerCase()}"}`);
    for (const kind of ['activate', 'rollback', 'promote']) isThere(`lightscore_model_swaps_total{kind="${kind}"}`);
    for (const outcome of ['refused', 'failed']) isThere(`lightscore_model_loads_total{outcome="${outcome}"}`);
    for (const kind of LINE_KINDS) isThere(`lightscore_log_lines_lost_total{kind="${kind}"}`);
    for (const state of ['draining', 'failed']) isThere(`lightscore_models{state="${state}"}`);
    for (const route of ['/score', '/score_batch', '/readyz', '/admin/models'])
      for (const status of [200, 400, 500, 503])
        isThere(`lightscore_http_requests_total{route="${route}",status="${status}"}`);
    isThere('lightscore_store_version_not_served');
    isThere('lightscore_acceptor_failures_total');
  });

test('latency buckets resolve tens of microseconds, and batches of one row read as 1', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  for (let i = 0; i < 50; i++) assert.equal((await server.score({ features: golden.rows[i] })).status, 200);
  const all = await series(server);
  const bounds = bucketsOf(all, 'prediction_duration_seconds').map(([le]) => le);
  assert(bounds[0] <= 0.00005 && bounds.includes(10));
  for (const q of [0.05, 0.5, 0.95, 0.99])
    assert.equal(quantile(q, bucketsOf(all, 'lightscore_batch_rows')).toFixed(4), '1.0000');
});

test('two equal models differ by 0 in every quantile', () => {
  const metrics = new Metrics();
  const shadow = metrics.ofShadow({ modelVersion: 'v2', champion: 'v1' });
  for (let i = 0; i < 600; i++) shadow.compared({ champion: 0.3, challenger: 0.3 });
  const { bounds, buckets } = shadow.differences;
  let sum = 0;
  const cumulative = [...bounds, Infinity].map((le, i): [number, number] => [le, (sum += buckets[i])]);
  for (const q of [0.05, 0.5, 0.95]) assert.equal(Math.abs(quantile(q, cumulative)).toFixed(6), '0.000000');
});

test('the event loop counts as late only by what it is late', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  while (((await series(server)).get('lightscore_event_loop_lag_seconds_count') ?? 0) < 40);
  // prom-client's own gauge reads 10 ms at rest, as it includes its sampling.
  assert(quantile(0.5, bucketsOf(await series(server), 'lightscore_event_loop_lag_seconds')) < 0.01);
});

test('the series of a version end some time after it has lost its role', () => {
  const metrics = new Metrics(0);
  for (let version = 1; version <= 1000; version++) {
    metrics.changeModels();
    metrics.ofModel({ modelVersion: `v${version}`, variant: 'champion' }).scored(0.5);
    metrics.ofShadow({ modelVersion: `v${version + 1}`, champion: `v${version}` }).missed(1);
    metrics.counts();
  }
  const { models, shadows } = metrics.counts();
  assert.deepEqual(
    models.map(({ modelVersion }) => modelVersion),
    ['v1000'],
  );
  assert.equal(shadows.length, 1);
});

test('until then they stay, and a version that gets a role again goes on counting', () => {
  const metrics = new Metrics(60_000);
  const role = { modelVersion: 'v1', variant: 'champion' };
  metrics.ofModel(role).scored(0.5);
  metrics.changeModels();
  metrics.ofModel({ modelVersion: 'v2', variant: 'champion' });
  assert.equal(metrics.counts().models.length, 2);
  metrics.changeModels();
  metrics.ofModel(role).scored(0.5);
  assert.equal(metrics.counts().models[0].predictions, 2);
});

test('a version that the store names and that is refused shows as named and not served', async (t) => {
  const store = await ModelStore.create();
  t.after(() => store.remove());
  await store.point('v1.0.0');
  const server = await startServer({ MODEL_DIR: store.folder, MODEL_VERSION: undefined });
  t.after(() => server.stop());
  assert.equal(await server.metric('lightscore_store_version_not_served'), 0);
  await store.point('v9.9.9');
  server.signal('SIGHUP');
  await server.event('reload_failed');
  assert.equal(await server.metric('lightscore_store_version_not_served'), 1);
  await store.point('v1.1.0');
  server.signal('SIGHUP');
  await server.event('reloaded');
  assert.equal(await server.metric('lightscore_store_version_not_served'), 0);
});
