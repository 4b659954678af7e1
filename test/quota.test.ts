/** Quotas: the limit holds, for one thread and for several that contend for it. */
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
  /** [0] counts what all threads have taken: increased after a take, decreased before a give. */
  readonly taken: Int32Array;
  readonly holder: number;
}

/**
 * Takes and gives in turn, on a thread of its own.
 * @returns the largest total that it has seen
 */
function contend({ cells, taken, holder }: Data): number {
  const quota = new SharedQuota(cells, { limit: LIMIT, holder });
  let held = 0;
  let max = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const amount = 1 + ((i * 7 + holder * 13) % 60);
    if (quota.take(amount)) {
      held += amount;
      max = Math.max(max, Atomics.add(taken, 0, amount) + amount);
    }
    if (i % 3 !== 0 && held > 0) {
      Atomics.sub(taken, 0, held);
      quota.give(held);
      held = 0;
    }
  }
  quota.give(held);
  return max;
}

const BOTH: Readonly<Record<string, () => Quota>> = {
  'of one thread': () => new OwnQuota(LIMIT),
  'of several threads': () => new SharedQuota(SharedQuota.cells(2), { limit: LIMIT, holder: 0 }),
};

if (!isMainThread) parentPort?.postMessage(contend(workerData as Data));
else {
  for (const [name, create] of Object.entries(BOTH)) {
    test(`a quota ${name} is taken up to its limit, all or nothing, and can be taken again once given back`, () => {
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

    test(`a quota ${name} refuses to take back more than was taken, and its count stays correct`, () => {
      const quota = create();
      assert(quota.take(60));
      assert.throws(() => quota.give(61), /^InvariantError: more is given back to a quota than was taken from it$/);
      assert.throws(() => quota.give(-1), /^InvariantError: more is given back/);
      assert.throws(() => quota.take(-1), /^InvariantError: a negative amount is taken from a quota$/);
      assert.throws(() => quota.give(NaN), /^InvariantError/);
      assert.equal(quota.taken, 60);
      quota.give(60);
      assert(quota.take(100));
    });
  }

  describe('a shared quota', () => {
    test('is one limit for all holders, and takes back everything that one of them has', () => {
      const cells = SharedQuota.cells(2);
      const [a, b] = [0, 1].map((holder) => new SharedQuota(cells, { limit: LIMIT, holder }));
      assert(a.take(70));
      assert(!b.take(31) && b.take(30));
      a.giveAll();
      assert.deepEqual([a.taken, b.taken], [0, 30]);
      assert(b.take(70) && !a.take(1));
      assert.throws(() => a.give(1), /^InvariantError/, 'another holder has taken it');
    });

    test('is never exceeded while threads contend for it, and its counts end at 0', async () => {
      const cells = SharedQuota.cells(THREADS);
      const taken = new Int32Array(new SharedArrayBuffer(4));
      const seenByThreads = await Promise.all(
        Array.from({ length: THREADS }, async (_, holder) => {
          const data: Data = { cells, taken, holder };
          const worker = new Worker(fileURLToPath(import.meta.url), { workerData: data });
          const [seen] = (await once(worker, 'message')) as [number];
          return seen;
        }),
      );
      for (const seen of seenByThreads) assert(seen <= LIMIT, `${seen} taken`);
      assert.deepEqual([...cells], Array(1 + THREADS).fill(0));
    });
  });
}
