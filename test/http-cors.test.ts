/** CORS_ORIGINS: pages of these origins may call the scoring routes from a browser, never the admin routes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readGolden } from './support/golden.js';
import { type ServerProcess, startServer } from './support/server.js';
import { onBothTransports } from './support/transports.js';

const plain = { features: readGolden().rows[0] };
const OURS = 'https://app.example.com';
const KEY = 'an-admin-key-of-some-length';

onBothTransports('CORS', (transport) => {
  let server: ServerProcess;
  let open: ServerProcess;
  let without: ServerProcess;
  before(async () => {
    const settings = { TRANSPORT: transport, ADMIN_API_KEYS: `ops:${KEY}` };
    [server, open, without] = await Promise.all([
      startServer({ ...settings, CORS_ORIGINS: `${OURS}, http://localhost:3000` }),
      startServer({ ...settings, CORS_ORIGINS: '*' }),
      startServer(settings),
    ]);
  });
  after(() => Promise.all([server, open, without].map((each) => each.terminate())));

  const preflight = (to: ServerProcess, path: string, origin = OURS) =>
    to.request(path, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type,x-api-key',
      },
    });

  test('a preflight is answered with what the route permits', async () => {
    const { status, headers } = await preflight(server, '/score');
    assert.equal(status, 204);
    assert.equal(headers['access-control-allow-origin'], OURS);
    assert.equal(headers['access-control-allow-methods'], 'POST');
    assert.equal(headers['access-control-allow-headers'], 'content-type,x-api-key');
    assert.match(String(headers.vary), /Origin/);
  });

  test('answers and refusals carry the origin', async () => {
    for (const body of [plain, '{']) {
      const { headers } = await server.score(body, '/score', { Origin: OURS });
      assert.equal(headers['access-control-allow-origin'], OURS);
      assert.match(String(headers['access-control-expose-headers']), /X-Request-ID/);
    }
    assert.equal(
      (await open.score(plain, '/score', { Origin: 'https://any.example' })).headers['access-control-allow-origin'],
      '*',
    );
  });

  test('another origin gets nothing', async () => {
    assert.equal(
      (await preflight(server, '/score', 'https://evil.example')).headers['access-control-allow-origin'],
      undefined,
    );
    const { status, headers } = await server.score(plain, '/score', { Origin: 'https://evil.example' });
    assert.equal(status, 200);
    assert.equal(headers['access-control-allow-origin'], undefined);
  });

  test('the admin routes are never opened', async () => {
    for (const each of [server, open]) {
      assert.equal((await preflight(each, '/admin/models')).status, 405);
      const { headers } = await each.request('/admin/models', { headers: { Origin: OURS, 'X-API-Key': KEY } });
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
  });

  test('without the setting nothing changes', async () => {
    assert.equal((await preflight(without, '/score')).status, 405);
    assert.equal(
      (await without.score(plain, '/score', { Origin: OURS })).headers['access-control-allow-origin'],
      undefined,
    );
  });
});
