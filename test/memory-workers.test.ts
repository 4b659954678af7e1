/** The memory that a server needs by number of workers, on a model enlarged to tens of MiB. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGolden } from './support/golden.js';
import { MODELS, type ServerProcess, startServer } from './support/server.js';

const golden = readGolden();
const COPIES = 30;
/** Allowance for the lanes of each further worker. Most of a lane is space for answers, resident only once used. */
const LANE_BYTES = 2 ** 19;

/** Repeats all trees of a model `copies` times: a model of any size, without training. */
function enlarged(text: string, copies: number): string {
  const first = text.indexOf('Tree=0\n');
  const end = text.indexOf('end of trees');
  const trees = text
    .slice(first, end)
    .split(/^Tree=\d+\n/m)
    .slice(1);
  const blocks = Array.from({ length: copies }, () => trees)
    .flat()
    .map((tree, i) => `Tree=${i}\n${tree}`);
  const header = text
    .slice(0, first)
    .replace(/^tree_sizes=.*$/m, `tree_sizes=${blocks.map((block) => Buffer.byteLength(block)).join(' ')}`);
  return header + blocks.join('') + text.slice(end);
}

interface Footprint {
  readonly shared: number;
  readonly resident: number;
  readonly image: number;
}

async function footprint(server: ServerProcess): Promise<Footprint> {
  // One batch at a time, so that every server needs the same lanes.
  for (let i = 0; i < 20; i++) {
    const answer = await server.score({ features: golden.rows[i] });
    assert.equal(answer.status, 200);
  }
  const image = Number((await server.event('model_loaded'))['image_bytes']);
  return {
    shared: await server.metric('lightscore_shared_memory_bytes', '{kind="total"}'),
    resident: await server.metric('process_resident_memory_bytes'),
    image,
  };
}

test('however many workers, the booster is in memory once: a worker adds lanes, far less than the model', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-large-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(MODELS, 'v1.0.0'), join(folder, 'v1.0.0'), { recursive: true });
  writeFileSync(
    join(folder, 'v1.0.0/lightgbm_model.txt'),
    enlarged(readFileSync(join(MODELS, 'v1.0.0/lightgbm_model.txt'), 'utf8'), COPIES),
  );
  const found: Footprint[] = [];
  for (const workers of [1, 4]) {
    const server = await startServer({ MODEL_DIR: folder, WORKERS: String(workers) });
    t.after(() => server.stop());
    found.push(await footprint(server));
    await server.stop();
  }
  const [one, four] = found;
  t.diagnostic(JSON.stringify(found));
  assert(one.image > 24 * 2 ** 20, `an image of ${one.image} bytes`);
  assert(four.shared - one.shared <= 3 * LANE_BYTES, `${four.shared - one.shared} bytes more`);
  assert(four.shared < four.image + 4 * 2 ** 20, 'one image and some lanes');
  const perWorker = (four.resident - one.resident) / 3;
  assert(
    perWorker < 0.6 * one.image,
    `each worker adds ${Math.round(perWorker / 2 ** 20)} MiB to a model of ${Math.round(one.image / 2 ** 20)} MiB`,
  );
});
