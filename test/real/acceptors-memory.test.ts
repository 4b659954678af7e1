/** Memory of several acceptors: one booster, and what swaps give back. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAdministered } from '../support/administration.js';
import { readGolden } from '../support/golden.js';
import { MODELS, startServer } from '../support/server.js';
import { ACCEPTORS, SEVERAL } from '../support/several-acceptors.js';

const golden = readGolden();

test('swaps give back memory: images when every acceptor is done with them, lanes too', async (t) => {
  const { server, store, admin } = await startAdministered(t, SEVERAL);
  const swapTwice = async (): Promise<void> => {
    for (const version of ['v1.1.0', 'v1.0.0']) {
      await admin('DELETE', `/models/${version}`);
      await store.touch(version);
      assert.equal((await admin('POST', `/models/${version}/activate`)).status, 200);
      await Promise.all(
        Array.from({ length: 4 * ACCEPTORS }, (_, i) =>
          server.request('/score', { body: { features: golden.rows[i] }, ownConnection: true }),
        ),
      );
    }
  };
  /** Waits until nothing drains, and reads the memory of the models with a role. */
  const settled = async (): Promise<{ used: number; total: number }> => {
    while ((await server.metric('lightscore_models', '{state="draining"}')) > 0);
    return {
      used: await server.metric('lightscore_shared_memory_bytes', '{kind="used"}'),
      total: await server.metric('lightscore_shared_memory_bytes', '{kind="total"}'),
    };
  };
  for (let i = 0; i < 2; i++) await swapTwice();
  const before = await settled();
  for (let i = 0; i < 6; i++) await swapTwice();
  const after = await settled();
  t.diagnostic(JSON.stringify({ before, after }));
  const lanes = 3 * ACCEPTORS * 2 ** 19;
  assert(after.used <= before.used + lanes, `${after.used - before.used} bytes more in use`);
  assert(after.total <= before.total + lanes, `${after.total - before.total} bytes more`);
});

test('one booster, however many acceptors', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-acceptors-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(MODELS, 'v1.1.0'), join(folder, 'v1.1.0'), { recursive: true });
  const shared: number[] = [];
  let image = 0;
  for (const acceptors of ['1', '4']) {
    const server = await startServer({
      MODEL_DIR: folder,
      MODEL_VERSION: undefined,
      ACCEPTORS: acceptors,
      WORKERS: '4',
    });
    t.after(() => server.stop());
    for (let i = 0; i < 40; i++)
      await server.request('/score', { body: { features: golden.rows[i] }, ownConnection: true });
    shared.push(await server.metric('lightscore_shared_memory_bytes', '{kind="used"}'));
    image = Number((await server.event('model_loaded'))['image_bytes']);
    await server.stop();
  }
  t.diagnostic(JSON.stringify({ image, shared }));
  const [one, four] = shared;
  assert(four - one < image, `${four - one} bytes more for an image of ${image}`);
  assert(four - one <= 4 * 3 * 2 ** 19, 'lanes only');
});
