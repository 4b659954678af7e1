/** The admin routes of a running server, and the audit trail that they write. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { verifyTrail } from '../src/audit/verify.js';
import { startAdministered } from './support/administration.js';
import { startServer } from './support/server.js';

interface Models {
  readonly champion: string | null;
  readonly previous: string | null;
  readonly models: readonly {
    readonly version: string;
    readonly state: string;
    readonly role: string | null;
    readonly reason: string | null;
    readonly files: readonly { readonly name: string; readonly sha256: string }[];
    readonly memory_bytes: number | null;
    readonly self_check_rows: { readonly tree_walk: number } | null;
  }[];
}

test('without ADMIN_API_KEYS there are no admin routes, and SIGHUP still works', async (t) => {
  const server = await startServer({ MODEL_VERSION: 'v1.1.0' });
  t.after(() => server.stop());
  const unknown = await server.request('/no/such/route');
  for (const [method, path] of [
    ['GET', '/admin/models'],
    ['POST', '/admin/reload'],
    ['PUT', '/admin/experiment'],
    ['DELETE', '/admin/models/v1.0.0'],
  ]) {
    const answer = await server.request(path, { method });
    assert.equal(answer.status, 404);
    assert.deepEqual({ ...answer.problem, request_id: '' }, { ...unknown.problem, request_id: '' });
  }
  assert.doesNotMatch((await server.request('/openapi.json')).text, /\/admin/);
  server.signal('SIGHUP');
  const { outcome } = await server.event('reloaded');
  assert.equal(outcome, 'unchanged');
});

test('admin routes require an admin key, which gives no access to other routes', async (t) => {
  const { server, admin } = await startAdministered(t, { API_KEYS: 'client:a-key-of-a-client-1234' });
  const call = (key: string | undefined) =>
    server.request('/admin/models', { headers: key === undefined ? {} : { Authorization: `Bearer ${key}` } });
  assert.equal((await call(undefined)).status, 401);
  assert.match(String((await call('wrong')).headers['www-authenticate']), /invalid_token/);
  assert.equal((await call('a-key-of-a-client-1234')).status, 403);
  assert.equal((await admin('GET', '/models')).status, 200);
  const scored = await server.score({ features: Array(15).fill(0) }, '/score', {
    'X-API-Key': 'an-admin-key-of-the-tests',
  });
  assert.equal(scored.status, 403);
});

test('load, activation, rollback and deletion of a version are in the audit trail with their key', async (t) => {
  const { server, store, admin, served } = await startAdministered(t);
  const models = async (): Promise<Models> => JSON.parse((await admin('GET', '/models')).text);
  const stateOf = async (version: string) => (await models()).models.find((model) => model.version === version)?.state;

  assert.equal((await admin('POST', '/models/v1.1.0/load')).json['outcome'], 'loaded');
  assert.equal(await served(), 'v1.0.0');
  const warm = (await models()).models.find(({ version }) => version === 'v1.1.0');
  assert.equal(warm?.state, 'warm');
  assert.ok((warm?.memory_bytes ?? 0) > 100_000);
  assert.ok((warm?.self_check_rows?.tree_walk ?? 0) > 500);
  assert.deepEqual(
    warm?.files.map(({ name }) => name),
    ['metadata.json', 'lightgbm_model.txt', 'calibrator.pkl'],
  );
  assert.equal((await admin('POST', '/models/v1.1.0/load')).json['outcome'], 'unchanged');

  assert.deepEqual((await admin('POST', '/models/v1.1.0/activate')).json, {
    outcome: 'activated',
    version: 'v1.1.0',
    detail: 'v1.1.0 is served',
    champion: 'v1.1.0',
    previous: 'v1.0.0',
    challenger: null,
  });
  assert.equal(await served(), 'v1.1.0');
  assert.equal((await admin('DELETE', '/models/v1.1.0')).status, 409);

  assert.equal((await admin('POST', '/rollback')).json['champion'], 'v1.0.0');
  assert.equal(await served(), 'v1.0.0');
  const again = await admin('POST', '/rollback');
  assert.equal(again.status, 409);
  assert.match(again.problem.detail, /no previous version/);

  assert.equal((await admin('DELETE', '/models/v1.1.0')).json['outcome'], 'deleted');
  assert.equal(await stateOf('v1.1.0'), undefined);
  assert.equal((await admin('DELETE', '/models/v1.1.0')).status, 404);
  assert.equal(await server.metric('lightscore_model_swaps_total', '{kind="rollback"}'), 1);
  assert.equal(await server.metric('lightscore_model_loads_total', '{outcome="loaded"}'), 2);
  await store.point('v1.1.0');
  assert.equal((await admin('POST', '/reload')).json['champion'], 'v1.1.0');
});

test('the audit trail records actor, action and outcome, across restarts', async (t) => {
  const trail = { AUDIT_LOG: '' };
  const first = await startAdministered(t, {}, async (store) => {
    await store.point('v1.0.0');
    trail.AUDIT_LOG = store.path('audit.jsonl');
  });
  await first.server.kill();
  const env = { ...trail, MODEL_DIR: first.store.folder };
  const { server, admin } = await startAdministered(t, env);
  await admin('POST', '/models/v1.1.0/activate');
  await admin('POST', '/models/v7/load');
  await server.request('/admin/models');
  await server.terminate();
  const second = await startAdministered(t, env);
  await second.admin('PUT', '/experiment', { version: 'v1.1.0', mode: 'ab', share: 0.1 });
  await second.admin('POST', '/experiment/promote');
  await second.admin('POST', '/rollback');
  await second.server.terminate();

  const { end } = await verifyTrail(trail.AUDIT_LOG);
  const entries: Record<string, unknown>[] = (await readFile(trail.AUDIT_LOG, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(entries.length, end.sequence);
  const told = entries.map(({ event, actor, outcome, version }) => [event, actor, outcome, version]);
  const has = (...entry: unknown[]) =>
    assert.ok(
      told.some((candidate) => entry.every((part, i) => candidate[i] === part)),
      `${JSON.stringify(entry)} is not in ${JSON.stringify(told)}`,
    );
  has('load', 'start', 'done', 'v1.0.0');
  has('verify', 'start', 'done', 'v1.0.0');
  has('swap', 'start', 'done', 'v1.0.0');
  has('load', 'key:tester', 'done', 'v1.1.0');
  has('swap', 'key:tester', 'done', 'v1.1.0');
  has('load', 'key:tester', 'refused', 'v7');
  has('admin_call', 'key:tester', 'refused');
  has('admin_call', 'anonymous', 'refused');
  has('experiment', 'key:tester', 'done', 'v1.1.0');
  has('experiment_end', 'key:tester', 'done', 'v1.1.0');
  has('promote', 'key:tester', 'done', 'v1.1.0');
  has('rollback', 'key:tester', 'done', 'v1.0.0');
  const load = entries.find(({ event, version }) => event === 'load' && version === 'v1.1.0');
  assert.match(JSON.stringify(load?.['checksums']), /"lightgbm_model.txt":"[0-9a-f]{64}"/);
});

test('of two loads at once one runs and the other gets 409', async (t) => {
  const { admin, served } = await startAdministered(t);
  const answers = await Promise.all([
    admin('POST', '/models/v1.1.0/activate'),
    admin('POST', '/models/v1.1.0/load'),
    admin('POST', '/reload'),
  ]);
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 409, 409],
  );
  const told = answers.find(({ status }) => status === 409);
  assert.match(told?.problem.detail ?? '', /\(key:tester\) is under way$/);
  assert.ok(['v1.0.0', 'v1.1.0'].includes(String(await served())));
});

test('invalid admin calls are refused and change nothing', async (t) => {
  const { server, admin, served } = await startAdministered(t);
  const refusals: [method: string, path: string, body: unknown, status: number, detail: RegExp][] = [
    ['POST', '/models/..%2f..%2fetc/load', undefined, 404, /is not a valid version name/],
    ['POST', '/models/%00/activate', undefined, 404, /is not a valid version name/],
    ['POST', `/models/${'v'.repeat(200)}/load`, undefined, 404, /is not a valid version name/],
    ['POST', '/models/v9.9.9/load', undefined, 404, /there is no version v9\.9\.9/],
    ['POST', '/models/v1.1.0/activate?force=1', undefined, 400, /only parameter is allow_feature_change/],
    ['PUT', '/experiment', '{"version":', 400, /ends too early/],
    ['PUT', '/experiment', { version: 'v1.1.0', mode: 'ab' }, 400, /share is missing/],
    ['PUT', '/experiment', { version: 'v1.1.0', mode: 'ab', share: 1.5 }, 400, /share/],
    ['PUT', '/experiment', { version: 'v1.1.0', mode: 'maybe', share: 1 }, 400, /mode/],
    [
      'PUT',
      '/experiment',
      { version: '../v1.1.0', mode: 'ab', share: 1 },
      400,
      /version must be the name of a version/,
    ],
    ['PUT', '/experiment', { version: 'v1.0.0', mode: 'ab', share: 1 }, 409, /is the champion/],
    ['DELETE', '/experiment', undefined, 409, /no experiment is running/],
    ['POST', '/experiment/promote', undefined, 409, /no experiment is running/],
    ['PATCH', '/experiment', undefined, 405, /does not support the method/],
    ['GET', '/nothing', undefined, 404, /no route at this path/],
  ];
  for (const [method, path, body, status, detail] of refusals) {
    const answer = await admin(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    assert.match(answer.problem.detail, detail, `${method} ${path}`);
  }
  assert.equal(await served(), 'v1.0.0');
  assert.equal(await server.metric('lightscore_models', '{state="active"}'), 1);
});

test('the OpenAPI document has the admin routes, and all its references resolve', async (t) => {
  const { server } = await startAdministered(t);
  const { text } = await server.request('/openapi.json');
  const { paths, components }: { paths: Record<string, object>; components: { schemas: Record<string, object> } } =
    JSON.parse(text);
  assert.deepEqual(
    Object.keys(paths).filter((path) => path.startsWith('/admin')),
    [
      '/admin/models',
      '/admin/models/{version}',
      '/admin/models/{version}/load',
      '/admin/models/{version}/activate',
      '/admin/reload',
      '/admin/load',
      '/admin/rollback',
      '/admin/experiment',
      '/admin/experiment/promote',
    ],
  );
  const references = new Set([...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name));
  assert.deepEqual([...references].toSorted(), Object.keys(components.schemas).toSorted());
});
