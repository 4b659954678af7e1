import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { OwnQuota, type Quota, SharedQuota } from '../src/scoring/quota.js';

const LIMIT = 100;
const THREADS = 3;
const ROUNDS = 50_000;

interface Data {
  readonly cells: Int32Array;
  /** [0] counts what all threads have: after it was taken, and no longer when it is given back. */
  readonly taken: Int32Array;
  readonly holder: number;
}

/** Takes and gives in turns, on a thread of its own. @returns the most that all had taken, as it saw it */
function contend({ cells, taken, holder }: Data): number {
  const quota = new SharedQuota(cells, LIMIT, holder);
  let held = 0;
  let most = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const amount = 1 + ((i * 7 + holder * 13) % 60);
    if (quota.take(amount)) {
      held += amount;
      most = Math.max(most, Atomics.add(taken, 0, amount) + amount);
    }
    if (i % 3 !== 0 && held > 0) {
      Atomics.sub(taken, 0, held);
      quota.give(held);
      held = 0;
    }
  }
  quota.give(held);
  return most;
}

const BOTH: Readonly<Record<string, () => Quota>> = {
  'of one thread': () => new OwnQuota(LIMIT),
  'of several threads': () => new SharedQuota(SharedQuota.cells(2), LIMIT, 0),
};

if (!isMainThread) parentPort?.postMessage(contend(workerData as Data));
else {
  for (const [name, create] of Object.entries(BOTH)) {
    test(`a quota ${name} is taken up to its limit, whole or not at all, and again once it was given back`, () => {
      const quota = create();
      assert(quota.take(60) && quota.take(40));
      assert.equal(quota.taken, 100);
      assert(!quota.take(1));
      quota.give(40);
      assert(!quota.take(41));
      assert.equal(quota.taken, 60);
      assert(quota.take(40));
      assert(!create().take(101));
    });

    test(`a quota ${name} takes back no more than was taken of it, and counts on rightly`, () => {
      const quota = create();
      assert(quota.take(60));
      assert.throws(() => quota.give(61), /^InvariantError: more is given back to a quota than was taken of it$/);
      assert.throws(() => quota.give(-1), /^InvariantError: more is given back/);
      assert.throws(() => quota.take(-1), /^InvariantError: less than nothing is taken of a quota$/);
      assert.throws(() => quota.give(NaN), /^InvariantError/);
      assert.equal(quota.taken, 60);
      quota.give(60);
      assert(quota.take(100));
    });
  }

  describe('a shared quota', () => {
    test('is one limit for all who hold it, and takes back what one of them held', () => {
      const cells = SharedQuota.cells(2);
      const [a, b] = [0, 1].map((holder) => new SharedQuota(cells, LIMIT, holder));
      assert(a.take(70));
      assert(!b.take(31) && b.take(30));
      a.giveAll();
      assert.deepEqual([a.taken, b.taken], [0, 30]);
      assert(b.take(70) && !a.take(1));
      assert.throws(() => a.give(1), /^InvariantError/, 'what another one has taken');
    });

    test('is never exceeded while threads contend for it, and nothing is left of it after', async () => {
      const cells = SharedQuota.cells(THREADS);
      const taken = new Int32Array(new SharedArrayBuffer(4));
      const most = await Promise.all(
        Array.from({ length: THREADS }, async (_, holder) => {
          const data: Data = { cells, taken, holder };
          const worker = new Worker(fileURLToPath(import.meta.url), { workerData: data });
          const [seen] = (await once(worker, 'message')) as [number];
          return seen;
        }),
      );
      for (const seen of most) assert(seen <= LIMIT, `${seen} taken`);
      assert.deepEqual([...cells], Array(1 + THREADS).fill(0));
    });
  });
}
