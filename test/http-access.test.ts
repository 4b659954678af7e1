/** Who may call: keys, rate limits, TLS. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGolden } from './support/golden.js';
import { projectRoot } from './support/project.js';
import { startServer } from './support/server.js';

const good = { features: readGolden().rows[0] };
const PARTNER = 'partner-key-0123456789';
const OTHER = 'other-key-0123456789';
const ADMIN = 'admin-key-0123456789';
const API_KEYS = `partner:${PARTNER},other:sha256:${createHash('sha256').update(OTHER).digest('hex')}`;

test('with API_KEYS scoring needs one of them; probes do not', async (t) => {
  const server = await startServer({ API_KEYS, ADMIN_API_KEYS: `root:${ADMIN}` });
  t.after(() => server.stop());
  for (const headers of [
    { 'X-API-Key': PARTNER },
    { 'X-API-Key': OTHER },
    { Authorization: `Bearer ${PARTNER}` },
    { Authorization: `bearer  ${OTHER}` },
  ]) {
    assert.equal((await server.score(good, '/score', headers)).status, 200);
    assert.equal((await server.score([good], '/score_batch', headers)).status, 200);
  }
  const none = await server.score(good);
  assert.equal(none.status, 401);
  assert.equal(none.headers['www-authenticate'], 'Bearer realm="lightscore"');
  assert.equal(none.problem.type, '/docs#unauthenticated');
  for (const headers of [
    { 'X-API-Key': 'wrong' },
    { 'X-API-Key': `${PARTNER}x` },
    { Authorization: `Bearer ${PARTNER.slice(1)}` },
    { Authorization: `Bearer ${'x'.repeat(2000)}` },
  ]) {
    const wrong = await server.score(good, '/score', headers);
    assert.equal(wrong.status, 401);
    assert.equal(wrong.headers['www-authenticate'], 'Bearer realm="lightscore", error="invalid_token"');
    assert(!wrong.text.includes(PARTNER.slice(1)));
  }
  assert.equal((await server.score(good, '/score', { Authorization: `Basic ${PARTNER}` })).status, 401);
  const admin = await server.score(good, '/score', { 'X-API-Key': ADMIN });
  assert.equal(admin.status, 403);
  assert.equal(admin.problem.type, '/docs#forbidden');
  for (const path of ['/healthz', '/livez', '/readyz', '/metrics', '/openapi.json', '/docs'])
    assert.equal((await server.request(path)).status, 200, path);
  assert(!server.logs.some((line) => JSON.stringify(line).includes(PARTNER)), 'no key in the log');
  assert(!server.logs.some(({ event }) => event === 'open'));
});

test('a key is asked for before the body is judged', async (t) => {
  const server = await startServer({ API_KEYS });
  t.after(() => server.stop());
  for (const body of ['{', 'x'.repeat(100_000), good]) assert.equal((await server.score(body)).status, 401);
});

test('without API_KEYS scoring is open, and the log says so', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  assert.equal((await server.score(good, '/score', { 'X-API-Key': 'anything' })).status, 200);
  assert.match((await server.event('open')).msg ?? '', /API_KEYS/);
});

test('with METRICS_AUTH=1 metrics need a key, of either kind', async (t) => {
  const server = await startServer({ API_KEYS, ADMIN_API_KEYS: `root:${ADMIN}`, METRICS_AUTH: '1' });
  t.after(() => server.stop());
  assert.equal((await server.request('/metrics')).status, 401);
  assert.equal((await server.request('/metrics', { headers: { 'X-API-Key': 'wrong' } })).status, 401);
  for (const key of [PARTNER, ADMIN])
    assert.equal((await server.request('/metrics', { headers: { Authorization: `Bearer ${key}` } })).status, 200);
  assert.equal((await server.request('/healthz')).status, 200);
});

test('RATE_LIMIT counts each key apart and answers 429 with Retry-After past it', async (t) => {
  const server = await startServer({ API_KEYS, RATE_LIMIT: '20' });
  t.after(() => server.stop());
  const burst = async (key: string) =>
    Promise.all(Array.from({ length: 50 }, () => server.score(good, '/score', { 'X-API-Key': key })));
  const [partner, other] = [await burst(PARTNER), await burst(OTHER)];
  for (const answers of [partner, other]) {
    const refused = answers.filter(({ status }) => status === 429);
    // A window may have ended within the burst.
    assert(refused.length >= 10 && refused.length <= 30, `${refused.length} refused`);
    assert.equal(answers.filter(({ status }) => status === 200).length, 50 - refused.length);
    for (const { headers, problem } of refused) {
      assert.equal(headers['retry-after'], '1');
      assert.equal(problem.type, '/docs#rate-limited');
    }
  }
  assert.equal((await server.request('/readyz')).status, 200, 'probes are not counted');
});

test('without keys RATE_LIMIT counts each address, which TRUST_PROXY takes from X-Forwarded-For', async (t) => {
  const server = await startServer({ RATE_LIMIT: '20', TRUST_PROXY: '1' });
  t.after(() => server.stop());
  const from = (address: string) =>
    Promise.all(
      Array.from({ length: 40 }, () => server.score(good, '/score', { 'X-Forwarded-For': `6.6.6.6, ${address}` })),
    );
  for (const answers of [await from('192.0.2.1'), await from('192.0.2.2')]) {
    const accepted = answers.filter(({ status }) => status === 200).length;
    assert(accepted >= 20 && accepted < 40, `${accepted} accepted`);
  }
});

test('with a certificate the server speaks TLS', async (t) => {
  const folder = join(projectRoot, 'test/data/tls');
  const server = await startServer({
    TLS_CERT_FILE: join(folder, 'certificate.pem'),
    TLS_KEY_FILE: join(folder, 'key.pem'),
  });
  t.after(() => server.stop());
  assert.match(server.url, /^https:/);
  const answers = await Promise.all(Array.from({ length: 20 }, () => server.score(good)));
  assert(answers.every(({ status }) => status === 200));
  assert.equal((await server.request('/readyz')).status, 200);
});
