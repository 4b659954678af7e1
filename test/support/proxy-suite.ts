/** What must hold behind every proxy whose configuration is documented, on both transports, with two servers. */
import assert from 'node:assert/strict';
import { type TestContext, describe } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { VersionedTraffic, scoresOf } from '../../loadtest/swap/versioned-traffic.js';
import { ADMIN_KEY } from './administration.js';
import { readGolden } from './golden.js';
import { type Need, testWith } from './needs.js';
import { ProxyClient } from './proxy-client.js';
import { type ProxyName, ReverseProxy } from './reverse-proxy.js';
import { type Environment, type ServerProcess, startServer } from './server.js';
import { TRANSPORTS, type TransportName } from './transports.js';

const VERSIONS = ['v1.0.0', 'v1.1.0'] as const;
const { rows, calibrated } = readGolden();
const BATCH_ROWS = 10_000;
const batch = JSON.stringify(
  Array.from({ length: BATCH_ROWS }, (_, i) => ({
    features: rows[i % rows.length],
    // 2.9 MB in all.
    request_id: `row-${i}-${'x'.repeat(180)}`,
  })),
);
const bodies = rows.slice(0, 100).map((features, i) => JSON.stringify({ features, request_id: `r${i}` }));

/** What a proxy's checks think of its servers: one entry for each, in any order. */
export type HealthOf = (proxy: ReverseProxy) => Promise<readonly boolean[]>;

interface Behind {
  readonly servers: readonly ServerProcess[];
  readonly proxy: ReverseProxy;
  readonly client: ProxyClient;
}

async function start(t: TestContext, proxyName: ProxyName, env: Environment, count: number): Promise<Behind> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => startServer({ TRUST_PROXY: '1', DRAIN_TIMEOUT_MS: '200', ...env })),
  );
  for (const server of servers) t.after(() => server.stop());
  const proxy = await ReverseProxy.start(
    proxyName,
    servers.map(({ port }) => port),
  );
  t.after(() => proxy.stop());
  const client = new ProxyClient(proxy.port);
  t.after(() => client.close());
  return { servers, proxy, client };
}

async function scoresRight(client: ProxyClient, index: number): Promise<void> {
  const answer = await client.post('/score', JSON.stringify({ features: rows[index] }));
  assert.equal(answer.status, 200, answer.text);
  assert(Math.abs(answer.scored.confidence_score - calibrated[index]) <= 1e-12);
}

/** @param gzip who compresses: the proxy itself, or the servers (COMPRESS_RESPONSES) */
export function proxySuite(
  proxyName: ProxyName,
  { need, gzip, health }: { readonly need: Need; readonly gzip: 'proxy' | 'servers'; readonly health?: HealthOf },
): void {
  for (const transport of TRANSPORTS) {
    const env = { TRANSPORT: transport, COMPRESS_RESPONSES: gzip === 'servers' ? '1' : '0' };
    describe(`behind ${proxyName} as documented, TRANSPORT=${transport}`, () => {
      testWith([need], 'every kind of request gets its own answer', (t) => everyRequest(t, proxyName, env));
      testWith([need], 'traffic goes on while idle connections are closed', (t) =>
        idleConnections(t, proxyName, transport),
      );
      testWith([need], 'a swap and a server that drains fail no request', (t) =>
        swapAndDrain(t, proxyName, { transport, health }),
      );
    });
  }
}

async function everyRequest(t: TestContext, proxyName: ProxyName, env: Environment): Promise<void> {
  const { servers, client } = await start(t, proxyName, { ...env, LOG_LEVEL: 'info' }, 1);
  const [server] = servers;

  await t.test('connections to the server are kept', async () => {
    const before = await server.metric('lightscore_connections_total');
    for (let i = 0; i < 200; i++) await scoresRight(client, i);
    const opened = (await server.metric('lightscore_connections_total')) - before;
    assert(opened < 10, `${opened} connections for 200 requests`);
  });

  for (const chunked of [false, true]) {
    await t.test(`a batch of 2.9 MB, ${chunked ? 'chunked' : 'with its length'}`, async () => {
      assert(batch.length > 2_900_000, String(batch.length));
      const answer = await client.post('/score_batch', batch, { chunked });
      assert.equal(answer.status, 200, answer.text.slice(0, 300));
      const scored = answer.scoredBatch;
      assert.equal(scored.length, BATCH_ROWS);
      for (const [i, { confidence_score: score }] of scored.entries())
        assert(Math.abs(score - calibrated[i % rows.length]) <= 1e-12);
    });
  }

  await t.test('a header of 12 KB', async () => {
    const answer = await client.post('/score', bodies[0], { headers: { 'X-Token': 'x'.repeat(12 * 1024) } });
    assert.equal(answer.status, 200, answer.text);
  });

  await t.test("what is too large is refused in Lightscore's words", async () => {
    const answer = await client.post(
      '/score',
      JSON.stringify({ features: rows[0], request_id: 'x'.repeat(4_200_000) }),
    );
    assert.equal(answer.status, 413);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
  });

  await t.test('X-Request-ID goes through, and X-Forwarded-For names the client', async () => {
    const headers = { 'X-Request-ID': 'through-1', 'X-Forwarded-For': '203.0.113.9' };
    const answer = await client.post('/score', '{', { headers, from: '127.0.0.2' });
    assert.equal(answer.status, 400);
    assert.equal(answer.headers['x-request-id'], 'through-1');
    const line = await server.log(
      ({ event, request_id: id }) => event === 'request_refused' && id === 'through-1',
      'the refusal',
    );
    assert.equal(line['address'], '127.0.0.2');
  });

  await t.test('large answers are compressed for who asks', async () => {
    const body = `[${bodies.join()}]`;
    const plain = await client.post('/score_batch', body);
    const packed = await client.post('/score_batch', body, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    const scores = (of: typeof plain): number[] => of.scoredBatch.map(({ confidence_score: score }) => score);
    assert.deepEqual(scores(packed), scores(plain));
  });

  await t.test('administration is not reachable', async () => {
    assert.equal((await client.get('/admin/models')).status, 404);
  });
}

/**
 * Clients whose pauses are about as long as a connection may be idle. On node the server's time is shortened to less
 * than the proxy's, the wrong order, so that what saves the requests is that they are sent again.
 */
async function idleConnections(t: TestContext, proxyName: ProxyName, transport: TransportName): Promise<void> {
  const shortened = transport === 'node';
  const env = { TRANSPORT: transport, ...(shortened && { KEEP_ALIVE_MS: '1000' }) };
  const { client, servers } = await start(t, proxyName, env, 1);
  const [shortest, step, rounds] = shortened ? [800, 100, 6] : [6800, 350, 2];
  const before = await servers[0].metric('lightscore_connections_total');
  const clients = Array.from({ length: 16 }, async (_, i) => {
    for (let round = 0; round < rounds; round++) {
      await scoresRight(client, i);
      await wait(shortest + i * step);
    }
    await scoresRight(client, i);
  });
  await Promise.all(clients);
  const opened = (await servers[0].metric('lightscore_connections_total')) - before;
  assert(opened > 0, 'connections were closed and opened anew');
}

async function swapAndDrain(
  t: TestContext,
  proxyName: ProxyName,
  { transport, health }: { readonly transport: TransportName; readonly health: HealthOf | undefined },
): Promise<void> {
  const env = { TRANSPORT: transport, ADMIN_API_KEYS: `tester:${ADMIN_KEY}`, DRAIN_TIMEOUT_MS: '10000' };
  const { servers, proxy } = await start(t, proxyName, env, 2);
  const activate = async (version: string): Promise<void> => {
    for (const server of servers) {
      const options = { method: 'POST', headers: { 'X-API-Key': ADMIN_KEY } };
      const answer = await server.request(`/admin/models/${version}/activate`, options);
      assert.equal(answer.status, 200, answer.text);
    }
  };
  const scores: string[][] = [];
  for (const version of VERSIONS) {
    await activate(version);
    scores.push(await scoresOf(servers[0].url, bodies, version));
  }
  const expected = bodies.map((body, i) => ({
    body,
    scores: new Map(VERSIONS.map((version, v) => [version, scores[v][i]])),
  }));
  if (health !== undefined) await healthyServers(() => health(proxy), 2);

  const traffic = new VersionedTraffic(proxy.port, expected);
  traffic.start(4);
  for (const version of ['v1.0.0', 'v1.1.0', 'v1.0.0', 'v1.1.0']) await activate(version);
  const [stays, goes] = servers;
  const { code } = await goes.terminate();
  assert.equal(code, 0, 'every accepted request was answered');
  const answersThen = traffic.answers;
  while (traffic.answers < answersThen + 200) await wait(20);
  if (health !== undefined) await healthyServers(() => health(proxy), 1);
  const { byVersion, wrong, complaints, dropped } = await traffic.stop();
  assert.deepEqual({ wrong, complaints, dropped }, { wrong: 0, complaints: [], dropped: 0 });
  assert.equal(byVersion.size, 2);
  assert((await stays.metric('lightscore_http_requests_total', '{route="/score",status="200"}')) > 0);
}

/** Waits until the proxy sends requests to `count` of its servers. */
async function healthyServers(health: () => Promise<readonly boolean[]>, count: number): Promise<void> {
  const end = Date.now() + 20_000;
  for (;;) {
    const seen = await health();
    if (seen.filter((healthy) => healthy).length === count) return;
    assert(Date.now() < end, `the proxy thinks of its servers: ${seen.join()}`);
    await wait(50);
  }
}
