/** The registry with real workers: loads, rollbacks, replaced files and deaths of threads. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { AuditTrail } from '../src/audit/trail.js';
import type { Config } from '../src/config/config.js';
import { ModelLoader } from '../src/loading/loader.js';
import { ModelRegistry } from '../src/registry/registry.js';
import { VersionSource } from '../src/registry/source.js';
import { Batcher } from '../src/scoring/batcher.js';
import { ScoringPool } from '../src/scoring/pool.js';
import { FolderStore } from '../src/store/folder.js';
import { openLog } from '../src/telemetry/log.js';
import { Metrics } from '../src/telemetry/metrics.js';
import { ModelStore } from './support/model-store.js';
import { Observed, RecordedRequest } from './support/scoring.js';
import { close, readGolden } from './support/golden.js';
import { createScoringResources } from '../src/scoring/kernel.js';

const { logger } = openLog({ level: 'silent', predictionSample: 0 });
const golden = readGolden();

interface Parts {
  readonly registry: ModelRegistry;
  readonly loader: ModelLoader;
  readonly pool: ScoringPool;
  readonly store: ModelStore;
}

async function setUp(t: TestContext, workers = 1): Promise<Parts> {
  const store = await ModelStore.create();
  const pool = new ScoringPool(workers, createScoringResources());
  const models: Config['models'] = {
    store: { kind: 'folder', folder: store.folder },
    version: undefined,
    pollSeconds: 0,
    requireChecksums: false,
    publicKey: undefined,
    requireSignedPointer: false,
    pointerState: undefined,
    challenger: undefined,
  };
  const loader = new ModelLoader(pool, models);
  const folder = new FolderStore(store.folder);
  const source = new VersionSource(() => Promise.resolve(folder), models);
  const registry = new ModelRegistry({
    source,
    loader,
    pool,
    audit: await AuditTrail.open(undefined, logger),
    metrics: new Metrics(),
    logger,
  });
  t.after(async () => {
    await loader.close();
    await pool.close();
    await store.remove();
  });
  return { registry, loader, pool, store };
}

/** A look at what no event tells: often, and without keeping a core from the loader, which has the lowest priority. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

test('the loader thread killed in mid-load costs that load and nothing else', async (t) => {
  const { registry, loader, pool } = await setUp(t);
  await registry.activate('v1.0.0', { actor: 'start' });
  const used = pool.memory.usedBytes;
  const moments: Readonly<Record<string, () => boolean>> = {
    'as soon as it has its task': () => loader.threads.length > 0,
    'while it writes the image': () => pool.memory.usedBytes > used,
  };
  for (const [moment, hasCome] of Object.entries(moments)) {
    const loading = registry.activate('v1.1.0', { actor: 'key:ops' });
    const refused = assert.rejects(
      loading,
      { code: 'WORKER_FAILED', message: /loading v1\.1\.0: the loader thread failed/ },
      moment,
    );
    while (!hasCome()) await turn();
    await loader.threads[0].terminate();
    await refused;
    assert.equal(registry.champion?.version, 'v1.0.0');
    assert.equal(pool.memory.usedBytes, used, 'its memory came back');
    assert.equal(registry.busy, undefined);
  }
  assert.equal((await registry.activate('v1.1.0', { actor: 'key:ops' })).outcome, 'activated');
  assert.deepEqual(
    registry.versions.map(({ version, state }) => [version, state]),
    [
      ['v1.0.0', 'warm'],
      ['v1.1.0', 'failed'],
      ['v1.1.0', 'failed'],
      ['v1.1.0', 'active'],
    ],
  );
});

test('a worker killed in mid-batch: each row is answered once, by its version, while versions change', async (t) => {
  const { registry, pool } = await setUp(t, 2);
  await registry.activate('v1.0.0', { actor: 'start' });
  const batcher = new Batcher(pool, { mode: 'pool', queueRows: 100_000 }, new Observed());
  t.after(() => batcher.close());
  const champion = registry.serving?.champion;
  assert.ok(champion !== undefined);
  for (let round = 0; round < 5; round++) {
    const requests = Array.from({ length: 40 }, (_, i) => new RecordedRequest(golden.rows.slice(i * 50, i * 50 + 50)));
    for (const request of requests) assert.ok(batcher.admit(request, champion));
    await turn();
    const [worker] = pool.threads;
    const killed = worker.terminate();
    await registry.activate(round % 2 === 0 ? 'v1.1.0' : 'v1.0.0', { actor: 'key:ops' });
    for (const [i, request] of requests.entries()) {
      assert.equal(await request.outcome, 'scored');
      assert.ok(request.deliveries.every((count) => count === 1));
      for (const [row, score] of request.calibrated.entries()) assert.ok(close(score, golden.calibrated[i * 50 + row]));
    }
    await killed;
    if (round % 2 === 1) continue;
    assert.equal((await registry.rollback('key:ops')).version, 'v1.0.0');
  }
  // A worker killed while it starts is replaced when there is work for it (piscina does not start over and over what
  // fails to start).
  const serving = registry.serving?.champion;
  assert.ok(serving !== undefined);
  while (pool.threads.length < 2) {
    const work = [0, 1].map(() => new RecordedRequest(golden.rows.slice(0, 300)));
    for (const request of work) assert.ok(batcher.admit(request, serving));
    for (const request of work) assert.equal(await request.outcome, 'scored');
  }
});

test('a rollback is never held up by a load, and the load that was to end in a swap gives way', async (t) => {
  const { registry, store } = await setUp(t);
  await registry.activate('v1.0.0', { actor: 'start' });
  await registry.activate('v1.1.0', { actor: 'key:ops' });
  await store.copy('v1.1.0', 'v1.2.0');
  await store.point('v1.2.0');
  const reloading = registry.reload('signal:SIGHUP');
  const told = assert.rejects(reloading, {
    code: 'MODEL_CONFLICT',
    message: /v1\.2\.0 is warm, but the served version changed meanwhile/,
  });
  while (registry.versions.length < 3) await turn();
  assert.equal((await registry.rollback('key:ops')).version, 'v1.0.0');
  await told;
  assert.equal(registry.champion?.version, 'v1.0.0');
  assert.deepEqual(
    registry.versions.map(({ version, state }) => [version, state]),
    [
      ['v1.0.0', 'active'],
      ['v1.1.0', 'warm'],
      ['v1.2.0', 'warm'],
    ],
  );
  assert.equal((await registry.activate('v1.2.0', { actor: 'key:ops' })).outcome, 'activated');
});

test('a version whose files were replaced is loaded again under its name; the same files are not', async (t) => {
  const { registry, store } = await setUp(t);
  await store.point('v1.0.0');
  assert.equal((await registry.reload('start')).outcome, 'activated');
  assert.equal((await registry.reload('signal:SIGHUP')).outcome, 'unchanged');
  await store.touch('v1.0.0');
  assert.equal((await registry.reload('signal:SIGHUP')).outcome, 'activated');
  assert.deepEqual(
    registry.versions.map(({ version, generation, state }) => [version, generation, state]),
    [
      ['v1.0.0', 1, 'warm'],
      ['v1.0.0', 2, 'active'],
    ],
  );
});

test('what no longer has a role leaves memory, and only so many versions may wait in it', async (t) => {
  const { registry, store, pool } = await setUp(t);
  await registry.activate('v1.0.0', { actor: 'start' });
  for (let i = 0; i < 8; i++) await store.copy('v1.0.0', `v3.0.${i}`);
  for (let i = 0; i < 3; i++) await registry.activate(`v3.0.${i}`, { actor: 'key:ops' });
  assert.deepEqual(
    registry.versions.map(({ version, state }) => `${version} ${state}`),
    ['v1.0.0 retired', 'v3.0.0 retired', 'v3.0.1 warm', 'v3.0.2 active'],
  );
  const used = pool.memory.usedBytes;
  for (let i = 3; i < 8; i++) await registry.load(`v3.0.${i}`, { actor: 'key:ops' });
  await registry.load('v1.1.0', { actor: 'key:ops' });
  await assert.rejects(registry.load('v1.0.0', { actor: 'key:ops' }), {
    code: 'MODEL_CONFLICT',
    message: /8 versions are in memory already: delete one first/,
  });
  for (let i = 3; i < 8; i++) await registry.remove(`v3.0.${i}`, { actor: 'key:ops' });
  await registry.remove('v1.1.0', { actor: 'key:ops' });
  assert.equal(pool.memory.usedBytes, used);
});
