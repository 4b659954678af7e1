/** Swaps of a running server, by signal, call and pointer. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { type VersionedBody, VersionedTraffic, scoresOf } from '../loadtest/swap/versioned-traffic.js';
import { type AdministeredServer, startAdministered } from './support/administration.js';
import { readGolden } from './support/golden.js';

const VERSIONS = ['v1.0.0', 'v1.1.0'] as const;
const bodies = readGolden()
  .rows.slice(0, 200)
  .map((features, i) => JSON.stringify({ features, request_id: `r${i}` }));

/** What each version gives for each body; v1.0.0 is served after. */
async function versionedBodies({ server, admin }: AdministeredServer): Promise<VersionedBody[]> {
  const scores: string[][] = [];
  for (const version of VERSIONS) {
    await admin('POST', `/models/${version}/activate`);
    scores.push(await scoresOf(server.url, bodies, version));
  }
  await admin('POST', '/models/v1.0.0/activate');
  return bodies.map((body, i) => ({ body, scores: new Map(VERSIONS.map((version, v) => [version, scores[v][i]])) }));
}

async function until(served: () => Promise<unknown>, version: string): Promise<void> {
  while ((await served()) !== version);
}

const SIGNALS: Readonly<Record<string, (administered: AdministeredServer, version: string) => Promise<void>>> = {
  SIGHUP: async ({ server, store, served }, version) => {
    await store.point(version);
    server.signal('SIGHUP');
    await until(served, version);
  },
  HTTP: async ({ admin }, version) => {
    await admin('DELETE', `/models/${version}`);
    const answer = await admin('POST', `/models/${version}/activate`);
    assert.equal(answer.status, 200, answer.text);
  },
  polling: async ({ store, served }, version) => {
    await store.point(version);
    await until(served, version);
  },
};

for (const [signal, swap] of Object.entries(SIGNALS)) {
  test(`swaps by ${signal} under load lose no request, and every score is its version's own`, async (t) => {
    const administered = await startAdministered(t, signal === 'polling' ? { MODEL_POLL_SECONDS: '0.05' } : {});
    const { server, store } = administered;
    const versioned = await versionedBodies(administered);
    assert.ok(versioned.filter(({ scores }) => new Set(scores.values()).size === 2).length > 150);
    const loadsBefore = await server.metric('lightscore_model_loads_total', '{outcome="loaded"}');
    const traffic = new VersionedTraffic(server.port, versioned);
    traffic.start(2);
    for (let i = 0; i < 6; i++) {
      const version = VERSIONS[(i + 1) % 2];
      await store.touch(version);
      await swap(administered, version);
    }
    const { answers, byVersion, wrong, complaints, dropped } = await traffic.stop();
    assert.deepEqual({ wrong, complaints, dropped }, { wrong: 0, complaints: [], dropped: 0 });
    assert.ok(answers > 100 && byVersion.size === 2);
    assert.equal((await server.metric('lightscore_model_loads_total', '{outcome="loaded"}')) - loadsBefore, 6);
  });
}

test('swaps give back memory, threads and file descriptors', async (t) => {
  const administered = await startAdministered(t);
  const { server } = administered;
  const footprint = async () => ({
    shared: await server.metric('lightscore_shared_memory_bytes', '{kind="total"}'),
    threads: readdirSync(`/proc/${server.pid}/task`).length,
    descriptors: readdirSync(`/proc/${server.pid}/fd`).length,
    states: [
      await server.metric('lightscore_models', '{state="active"}'),
      await server.metric('lightscore_models', '{state="warm"}'),
    ],
  });
  const swapTwice = async (): Promise<void> => {
    for (const version of ['v1.1.0', 'v1.0.0']) {
      await administered.store.touch(version);
      await SIGNALS['HTTP'](administered, version);
      await server.score({ features: Array(15).fill(0) });
    }
  };
  for (let i = 0; i < 5; i++) await swapTwice();
  const settled = await footprint();
  for (let i = 0; i < 15; i++) await swapTwice();
  const after = await footprint();
  assert.deepEqual(after, settled);
});

test('after a rollback the version of current.json is ignored until current.json names another', async (t) => {
  const { server, store, admin, served } = await startAdministered(t, { MODEL_POLL_SECONDS: '0.05' });
  await store.point('v1.1.0');
  await until(served, 'v1.1.0');
  assert.equal((await admin('POST', '/rollback')).json['champion'], 'v1.0.0');
  const held = await admin('POST', '/reload');
  assert.equal(held.json['outcome'], 'held');
  assert.match(
    String(held.json['detail']),
    /v1\.1\.0 is held back, because current\.json has named it since before the rollback/,
  );
  server.signal('SIGHUP');
  await server.log(({ event, outcome }) => event === 'reloaded' && outcome === 'held');
  assert.equal(await served(), 'v1.0.0');
  await store.copy('v1.1.0', 'v1.1.1');
  await store.point('v1.1.1');
  await until(served, 'v1.1.1');
  await store.point('v1.1.0');
  await until(served, 'v1.1.0');
});

test('a current.json that was followed and is gone changes nothing, and is said and counted', async (t) => {
  const { server, store, admin, served } = await startAdministered(t, { MODEL_POLL_SECONDS: '0.05' });
  await store.point('v1.1.0');
  await until(served, 'v1.1.0');
  await store.copy('v1.1.0', 'v1.2.0');
  await store.unpoint();
  await server.log(
    ({ event, msg }) => event === 'poll_failed' && /current\.json: is gone; it named v1\.1\.0/.test(String(msg)),
  );
  assert.equal(await served(), 'v1.1.0');
  assert((await server.metric('lightscore_store_consecutive_poll_failures')) > 0);
  assert.match(String((await admin('POST', '/reload')).json['detail']), /current\.json: is gone; it named v1\.1\.0/);
  assert.equal(await served(), 'v1.1.0');
  await store.point('v1.2.0');
  await until(served, 'v1.2.0');
  while ((await server.metric('lightscore_store_consecutive_poll_failures')) !== 0);
});

test('a version that is named and does not exist is said to be missing, and stays an alarm', async (t) => {
  const { server, store, served } = await startAdministered(t, { MODEL_POLL_SECONDS: '0.05' });
  await store.point('v1.O.O');
  await server.log(({ event, msg }) => event === 'version_incomplete' && msg === 'v1.O.O is named, but does not exist');
  while ((await server.metric('lightscore_store_version_not_served')) !== 1);
  assert.equal(await served(), 'v1.0.0');
});

test('an operator who activates another version is not overruled by polling', async (t) => {
  const { server, store, admin, served } = await startAdministered(t, {
    MODEL_POLL_SECONDS: '0.02',
    LOG_LEVEL: 'info',
  });
  await admin('POST', '/models/v1.1.0/activate');
  // Each of these is noticed by polling, so that looks have passed before the last line.
  for (const version of ['v1.1.2', 'v1.1.3']) {
    await store.point(version);
    await server.log(({ event, msg }) => event === 'version_incomplete' && String(msg).startsWith(version));
    assert.equal(await served(), 'v1.1.0');
  }
});

test('a version is not served before it is complete, and then at once', async (t) => {
  const { server, store, served } = await startAdministered(t, { MODEL_POLL_SECONDS: '0.05' });
  await store.copy('v1.1.0', 'v1.2.0');
  const metadata = await readFile(store.path('v1.2.0', 'metadata.json'));
  await rm(store.path('v1.2.0', 'metadata.json'));
  await store.point('v1.2.0');
  await server.event('version_incomplete');
  assert.equal(await served(), 'v1.0.0');
  await writeFile(store.path('v1.2.0', 'metadata.json'), metadata);
  await until(served, 'v1.2.0');
});
