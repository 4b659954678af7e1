/** The batcher with real workers: every row is scored once, by its model, whatever happens. */
import assert from 'node:assert/strict';
import { type TestContext, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { Batcher, type BatcherOptions } from '../src/scoring/batcher.js';
import { ScoringPool } from '../src/scoring/pool.js';
import { OwnQuota } from '../src/scoring/quota.js';
import { ServedModel } from '../src/scoring/served-model.js';
import { close, readGolden } from './support/golden.js';
import { Observed, RecordedRequest, placeModel } from './support/scoring.js';
import { createScoringResources } from '../src/scoring/kernel.js';

const golden = readGolden();
const rowsFrom = (start: number, count: number) =>
  Array.from({ length: count }, (_, i) => golden.rows[(start + i) % golden.rows.length]);

interface Setup {
  readonly pool: ScoringPool;
  readonly batcher: Batcher;
  readonly observed: Observed;
  readonly model: ServedModel;
}

function setUp(t: TestContext, workers = 2, options: Partial<BatcherOptions> = {}): Setup {
  const pool = new ScoringPool(workers, createScoringResources());
  const observed = new Observed();
  const batcher = new Batcher(pool, { mode: 'pool', queueRows: 20_000, ...options }, observed);
  t.after(async () => {
    batcher.close();
    await pool.close();
  });
  return { pool, batcher, observed, model: placeModel(pool, 'v1.0.0') };
}

/** That each row was delivered once, with its own score. */
function isRight(request: RecordedRequest, start: number): void {
  assert(
    request.deliveries.every((count) => count === 1),
    'every row once',
  );
  assert.equal(request.failures, 0);
  for (const [i, score] of request.calibrated.entries())
    assert(close(score, golden.calibrated[(start + i) % golden.rows.length]), `row ${start + i}`);
  for (const [i, contributions] of request.contributions.entries()) {
    const expected = golden.contributions[start + i];
    if (expected !== undefined)
      assert(
        contributions.every((value, f) => close(value, expected[f])),
        `row ${start + i}`,
      );
  }
}

for (const mode of ['pool', 'auto', 'inline'] as const) {
  test(`any mixture of requests is scored row by row, once each (${mode})`, async (t) => {
    const { batcher, model, observed, pool } = setUp(t, 2, { mode });
    const sizes = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 700 }), fc.boolean(), fc.integer({ min: 0, max: 1999 }), fc.boolean()),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(sizes, async (specs) => {
        const requests = [];
        for (const [size, explain, start, pauseBefore] of specs) {
          if (pauseBefore) await new Promise(setImmediate);
          const count = explain ? (size % 40) + 1 : size;
          const request = new RecordedRequest(rowsFrom(start, count), explain ? 'explain' : 'score');
          assert(batcher.admit(request, model));
          requests.push({ request, start });
        }
        for (const { request, start } of requests) {
          assert.equal(await request.outcome, 'scored');
          isRight(request, start);
        }
        assert.equal(batcher.waitingRows, 0);
      }),
      { numRuns: 25, seed: 20_240_115 },
    );
    assert.equal(batcher.rows, 0);
    if (mode === 'pool') assert.equal(observed.inlineBatches, 0);
    else assert(observed.inlineBatches > 0);
    model.retire();
    assert.equal(pool.memory.usedBytes, 0, 'every lane and the image went back');
  });
}

test('requests of one turn of the event loop share a batch', async (t) => {
  const { batcher, model, observed } = setUp(t, 1);
  const requests = rowsFrom(0, 40).map((row) => new RecordedRequest([row]));
  for (const request of requests) assert(batcher.admit(request, model));
  await Promise.all(requests.map(({ outcome }) => outcome));
  assert.deepEqual([observed.batches, observed.rows], [1, 40]);
});

test('no more than queueRows wait; a request that does not fit leaves nothing behind', async (t) => {
  const { batcher, model } = setUp(t, 1, { queueRows: 100 });
  const first = new RecordedRequest(rowsFrom(0, 60));
  const tooMany = new RecordedRequest(rowsFrom(0, 41));
  const fits = new RecordedRequest(rowsFrom(60, 40));
  assert(batcher.admit(first, model));
  assert(!batcher.admit(tooMany, model));
  assert.equal(batcher.waitingRows, 60);
  assert(batcher.admit(fits, model));
  assert.equal(batcher.waitingRows, 100);
  assert(!batcher.admit(new RecordedRequest(rowsFrom(0, 1)), model));
  assert.deepEqual(await Promise.all([first.outcome, fits.outcome]), ['scored', 'scored']);
  isRight(first, 0);
  isRight(fits, 60);
  assert(tooMany.deliveries.every((count) => count === 0));
  assert.equal(batcher.waitingRows, 0);
  assert(batcher.admit(new RecordedRequest(rowsFrom(0, 100)), model), 'rows can wait again');
});

test('a request without memory for all of its rows gives back what it took, with nothing else under way', async (t) => {
  const laneBytes = new OwnQuota(4_000_000);
  const { batcher, model } = setUp(t, 1, { quotas: { rows: new OwnQuota(20_000), laneBytes } });
  const lanes = Math.floor(4_000_000 / model.laneBytes('score'));
  const tooLarge = new RecordedRequest(rowsFrom(0, lanes * 256 + 1));
  assert(!batcher.admit(tooLarge, model));
  // It is refused then, as the HTTP routes do.
  tooLarge.failed('worker');
  assert(laneBytes.taken > 0);
  while (laneBytes.taken > 0) await new Promise((resolve) => setImmediate(resolve));
  const next = new RecordedRequest(rowsFrom(0, 300));
  assert(batcher.admit(next, model));
  assert.equal(await next.outcome, 'scored');
  isRight(next, 0);
  assert(tooLarge.deliveries.every((count) => count === 0));
});

test('a request past its deadline is given up once, and costs no worker', async (t) => {
  const { batcher, model, observed } = setUp(t, 1);
  const late = new RecordedRequest(rowsFrom(0, 300), 'score', performance.now() - 1);
  const good = new RecordedRequest(rowsFrom(300, 10));
  assert(batcher.admit(late, model));
  assert(batcher.admit(good, model));
  assert.deepEqual(await Promise.all([late.outcome, good.outcome]), ['deadline', 'scored']);
  assert.equal(late.failures, 1);
  assert(late.deliveries.every((count) => count === 0));
  isRight(good, 300);
  assert.equal(observed.rows, 10);
});

test('a request that waits too long behind a busy worker is told while it waits', async (t) => {
  const { batcher, model } = setUp(t, 1, { queueRows: 100_000 });
  const deadline = performance.now() + 1;
  const requests = Array.from({ length: 40 }, (_, i) => new RecordedRequest(rowsFrom(i, 500), 'explain', deadline));
  for (const request of requests) assert(batcher.admit(request, model));
  const outcomes = await Promise.all(requests.map(({ outcome }) => outcome));
  assert(outcomes.includes('deadline'));
  for (const [i, request] of requests.entries()) {
    if (outcomes[i] === 'scored') isRight(request, i);
    else assert.equal(request.failures, 1);
  }
});

test('rows of a client that has left cost no worker where nothing else stands before them', async (t) => {
  const { batcher, model, observed } = setUp(t, 1);
  const gone = Array.from({ length: 20 }, (_, i) => new RecordedRequest(rowsFrom(i, 5)));
  for (const request of gone) {
    assert(batcher.admit(request, model));
    request.settled = true;
  }
  const good = new RecordedRequest(rowsFrom(50, 7));
  assert(batcher.admit(good, model));
  assert.equal(await good.outcome, 'scored');
  isRight(good, 50);
  assert.equal(observed.rows, 7);
  assert(gone.every(({ deliveries, failures }) => failures === 0 && deliveries.every((count) => count === 0)));
});

test('each request is scored by the model it was admitted for, also where the model changes between two', async (t) => {
  const { batcher, model, pool } = setUp(t);
  const newer = placeModel(pool, 'v1.1.0');
  const reference = new RecordedRequest(rowsFrom(0, 200));
  assert(batcher.admit(reference, newer));
  await reference.outcome;
  const before = pool.memory.usedBytes;
  const requests = Array.from({ length: 200 }, (_, i) => ({
    request: new RecordedRequest([golden.rows[i]], i % 7 === 0 ? 'explain' : 'score'),
    by: i % 5 < 2 ? model : newer,
    row: i,
  }));
  for (const { request, by } of requests) assert(batcher.admit(request, by));
  let freed = false;
  model.retire(() => (freed = true));
  assert(!freed, 'its rows are under way');
  for (const { request, by, row } of requests) {
    assert.equal(await request.outcome, 'scored');
    assert.equal(request.models[0], by);
    assert.deepEqual(request.deliveries, [1]);
    const expected = by === model ? golden.calibrated[row] : reference.calibrated[row];
    assert(close(request.calibrated[0], expected), `row ${row}`);
  }
  assert(freed, 'its last batch has returned');
  assert(pool.memory.usedBytes < before + newer.memoryBytes, 'the memory of the retired model went back');
});

describe('a worker that dies', () => {
  test('in mid-batch costs nobody an answer: every row is scored once, and right', async (t) => {
    const { batcher, model, observed, pool } = setUp(t, 2);
    let kill = false;
    // The batch is handed over when this turn is over, and takes longer than that.
    observed.onDispatch = () => {
      if (!kill) return;
      kill = false;
      queueMicrotask(() => void pool.threads[0].terminate());
    };
    const scoreAll = async () => {
      const requests = Array.from(
        { length: 30 },
        (_, i) => new RecordedRequest(rowsFrom(i, 20), i % 2 === 0 ? 'explain' : 'score'),
      );
      for (const request of requests) assert(batcher.admit(request, model));
      for (const [i, request] of requests.entries()) {
        assert.equal(await request.outcome, 'scored');
        isRight(request, i);
      }
    };
    for (let round = 0; round < 6; round++) {
      kill = true;
      await scoreAll();
    }
    kill = false;
    assert(observed.workersFailed > 0, 'a batch was under way in one of them');
    assert.equal(batcher.rows, 0);
    // Each is replaced, one that ended while it was starting with the next task for its mailbox: the test's deadline
    // is the limit.
    while (pool.threads.length < 2) {
      await scoreAll();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test('of every batch of a model fails their requests once each, and other models are scored on', async (t) => {
    const { batcher, model, observed, pool } = setUp(t, 1);
    // An image beyond the end of the memory: the kernel traps.
    const broken = new ServedModel(
      { card: model.card, strategy: model.strategy, shape: model.shape, image: 2 ** 30, imageBytes: 0 },
      pool.memory,
    );
    const doomed = new RecordedRequest(rowsFrom(0, 10));
    const good = new RecordedRequest(rowsFrom(5, 20));
    assert(batcher.admit(doomed, broken));
    assert(batcher.admit(good, model));
    assert.deepEqual(await Promise.all([doomed.outcome, good.outcome]), ['worker', 'scored']);
    assert.equal(doomed.failures, 1);
    assert(doomed.deliveries.every((count) => count === 0));
    assert.equal(observed.workersFailed, 3, 'the batch was tried three times');
    isRight(good, 5);
    assert.equal(batcher.rows, 0);
  });
});

test('lanes are used again: memory does not grow with the number of batches', async (t) => {
  const { batcher, model, pool } = setUp(t, 2);
  const wave = async (): Promise<void> => {
    const requests = Array.from(
      { length: 20 },
      (_, i) => new RecordedRequest(rowsFrom(i, 300), i % 4 === 0 ? 'explain' : 'score'),
    );
    for (const request of requests) assert(batcher.admit(request, model));
    await Promise.all(requests.map(({ outcome }) => outcome));
  };
  for (let i = 0; i < 3; i++) await wave();
  const after = pool.memory.totalBytes;
  for (let i = 0; i < 20; i++) await wave();
  assert.equal(pool.memory.totalBytes, after);
});

test('a request that cannot be answered takes no other of its batch with it, and its lane comes back', async (t) => {
  const { batcher, model, observed, pool } = setUp(t);
  const broken = new RecordedRequest(rowsFrom(0, 1));
  const fault = new Error('cannot be answered');
  broken.scored = () => {
    throw fault;
  };
  const before = new RecordedRequest(rowsFrom(1, 3));
  const after = new RecordedRequest(rowsFrom(4, 3));
  for (const request of [before, broken, after]) assert(batcher.admit(request, model));
  assert.equal(await broken.outcome, 'worker');
  assert.equal(await before.outcome, 'scored');
  assert.equal(await after.outcome, 'scored');
  isRight(before, 1);
  isRight(after, 4);
  assert.deepEqual(observed.answersFailed, [fault]);
  model.retire();
  await new Promise(setImmediate);
  assert.equal(pool.memory.usedBytes, 0);
});

test('a queue of explanations takes memory by its rows, whatever a row costs', async (t) => {
  const { batcher, model, pool } = setUp(t, 1);
  const idle = pool.memory.usedBytes;
  const request = new RecordedRequest(rowsFrom(0, 1600), 'explain');
  assert(batcher.admit(request, model));
  const lanes = (pool.memory.usedBytes - idle) / model.laneBytes('explain');
  assert(lanes <= 101, `${lanes} lanes of 16 rows`);
  assert.equal(await request.outcome, 'scored');
  assert(request.deliveries.every((count) => count === 1));
});

test('a request whose rows do not fit in the shared memory is not admitted, and nothing stays counted', async (t) => {
  const { batcher, model } = setUp(t, 1);
  const takeLane = model.takeLane.bind(model);
  let lanes = 0;
  model.takeLane = (kind) => (lanes++ < 2 ? takeLane(kind) : undefined);
  const large = new RecordedRequest(rowsFrom(0, 1000));
  assert.equal(batcher.admit(large, model), false);
  // What the front end does with a request that was not admitted.
  large.settled = true;
  model.takeLane = takeLane;
  const next = new RecordedRequest(rowsFrom(3, 10));
  assert(batcher.admit(next, model));
  assert.equal(await next.outcome, 'scored');
  isRight(next, 3);
  assert.equal(batcher.waitingRows, 0);
});
