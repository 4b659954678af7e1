/** What the entries of admin calls say, and AUDIT_REQUIRED: no call without its entry. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Environment, startServer } from './support/server.js';
import { SEVERAL } from './support/several-acceptors.js';

const KEY = 'adminkey-123456789';
const SCORING_KEY = 'scoringkey-123456789';
const headers = { 'X-API-Key': KEY };

interface Entry {
  readonly event: string;
  readonly actor: string;
  readonly outcome: string;
  readonly path?: string;
  readonly query?: string;
  readonly request_id?: string;
  readonly problem?: string;
}

async function startAudited(t: TestContext, env: Environment = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-audit-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'audit.jsonl');
  const server = await startServer({ AUDIT_LOG: file, ADMIN_API_KEYS: `ops:${KEY}`, ...env });
  t.after(() => server.stop());
  const calls = (): Entry[] =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Entry)
      .filter(({ event }) => event === 'admin_call');
  return { server, file, calls };
}

for (const [name, setting] of [
  ['one acceptor', {}],
  ['several acceptors', SEVERAL],
] as const)
  test(`entries name key, path as sent, flags and request id, ${name}`, async (t) => {
    const { server, calls } = await startAudited(t, {
      ...setting,
      API_KEYS: `c1:${SCORING_KEY}`,
      METRICS_AUTH: '1',
    });
    const activate = '/admin/models/v1.1.0/activate';
    await server.request(`${activate}?allow_feature_change=1`, {
      method: 'POST',
      headers: { ...headers, 'X-Request-ID': 'ticket-7' },
    });
    await server.request('/admin/models/v7.7.7/load?x=1', {
      method: 'POST',
      headers: { 'X-API-Key': SCORING_KEY, 'X-Request-ID': 'ticket-8' },
    });
    await server.request('/metrics', { headers: { 'X-API-Key': 'guess' } });
    // Its own entry is on disk before its answer, and those before it are as well.
    await server.request('/admin/experiment', { headers });
    const [activated, refused, metrics] = calls();
    assert.deepEqual(
      [activated.actor, activated.outcome, activated.path, activated.query, activated.request_id],
      ['key:ops', 'done', activate, 'allow_feature_change=1', 'ticket-7'],
    );
    assert.deepEqual(
      [refused.actor, refused.outcome, refused.path, refused.query, refused.request_id],
      ['key:c1 (scoring)', 'refused', '/admin/models/v7.7.7/load', 'x=1', 'ticket-8'],
    );
    assert.deepEqual([metrics.actor, metrics.outcome, metrics.path], ['anonymous', 'refused', '/metrics']);
  });

test('AUDIT_REQUIRED refuses a call whose entry cannot be written, and nothing changes', async (t) => {
  const { server, file, calls } = await startAudited(t, { AUDIT_REQUIRED: '1' });
  const load = () => server.request('/admin/models/v1.1.0/load', { method: 'POST', headers });
  // A folder in the file's place: what refuses every write, root's too.
  renameSync(file, `${file}.1`);
  mkdirSync(file);
  const refused = await load();
  assert.equal(refused.status, 503);
  assert.match(refused.text, /"type":"[^"]*#audit-unavailable"/);
  assert.equal(refused.headers['retry-after'], '5');
  assert.equal((await server.request('/admin/models', { headers })).status, 503);
  assert.equal((await server.score({ features: [] })).status, 400);
  assert.equal(await server.metric('lightscore_model_loads_total', '{outcome="loaded"}'), 1);
  rmdirSync(file);
  renameSync(`${file}.1`, file);
  assert.equal((await load()).status, 200);
  const last = calls().slice(-2);
  assert.deepEqual(
    last.map(({ outcome, path }) => [outcome, path]),
    [
      ['begun', '/admin/models/v1.1.0/load'],
      ['done', '/admin/models/v1.1.0/load'],
    ],
  );
});

test('without AUDIT_REQUIRED a call is carried out, and its entry waits', async (t) => {
  const { server, file, calls } = await startAudited(t);
  renameSync(file, `${file}.1`);
  mkdirSync(file);
  assert.equal((await server.request('/admin/models/v1.1.0/load', { method: 'POST', headers })).status, 200);
  assert((await server.metric('lightscore_audit_waiting')) > 0);
  rmdirSync(file);
  renameSync(`${file}.1`, file);
  assert.equal((await server.request('/admin/experiment', { headers })).status, 200);
  assert.deepEqual(
    calls().map(({ outcome, path }) => [outcome, path]),
    [
      ['done', '/admin/models/v1.1.0/load'],
      ['done', '/admin/experiment'],
    ],
  );
  assert.equal(await server.metric('lightscore_audit_waiting'), 0);
});

test('a second server on the same trail ends with one line', async (t) => {
  const { file } = await startAudited(t);
  await assert.rejects(
    startServer({ AUDIT_LOG: file, ADMIN_API_KEYS: `ops:${KEY}` }),
    /AUDIT_LOG: .*audit\.jsonl: another process writes to it/,
  );
});
