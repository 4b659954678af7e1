/** Behind a proxy that takes a path prefix away, every link that the server gives leads back through the proxy. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PrefixProxy } from './support/prefix-proxy.js';
import { type Environment, startServer } from './support/server.js';

const ADMIN = 'adminkey-123456789';

/** @param environment of the server, once the proxy's address is known */
async function behindPrefix(t: TestContext, environment: (url: string) => Environment): Promise<string> {
  const proxy = await PrefixProxy.start('/ml');
  t.after(() => proxy.stop());
  const server = await startServer({ ADMIN_API_KEYS: `ops:${ADMIN}`, ...environment(proxy.url) });
  t.after(() => server.stop());
  proxy.forwardTo(server.port);
  return proxy.url;
}

async function documentAt(url: string): Promise<{ servers: { url: string }[]; externalDocs: { url: string } }> {
  const document: Awaited<ReturnType<typeof documentAt>> = JSON.parse(await (await fetch(url)).text());
  return document;
}

for (const [name, environment] of [
  ['without a setting', () => ({})],
  ['with PUBLIC_URL', (url: string) => ({ PUBLIC_URL: url })],
] as const) {
  test(`the API document leads to the server and to its page, ${name}`, async (t) => {
    const base = await behindPrefix(t, environment);
    const at = `${base}/openapi.json`;
    const { servers, externalDocs } = await documentAt(at);
    const server = new URL(servers[0].url, at).href.replace(/\/$/, '');
    assert.equal(server, base);
    assert.equal((await fetch(`${server}/healthz`)).status, 200);
    assert.equal(new URL(externalDocs.url, at).href, `${base}/docs`);
  });
}

test('with PUBLIC_URL the type of a problem leads to its explanation, however deep the route', async (t) => {
  const base = await behindPrefix(t, (url) => ({ PUBLIC_URL: url }));
  const refused = await Promise.all([
    fetch(`${base}/score`, { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }),
    fetch(`${base}/nowhere`),
    fetch(`${base}/admin/models/v9.9.9/load`, { method: 'POST', headers: { 'X-API-Key': ADMIN } }),
    fetch(`${base}/admin/models/v9.9.9/load`, { method: 'POST' }),
  ]);
  const page = await (await fetch(`${base}/docs`)).text();
  const anchors = await Promise.all(
    refused.map(async (answer) => {
      const { type }: { type: string } = JSON.parse(await answer.text());
      const explained = new URL(type, answer.url);
      assert.equal(explained.href.split('#')[0], `${base}/docs`);
      return explained.hash.slice(1);
    }),
  );
  assert.deepEqual(anchors, ['invalid-body', 'not-found', 'version-not-found', 'unauthenticated']);
  for (const anchor of anchors) assert(page.includes(`id="${anchor}"`), anchor);
});
