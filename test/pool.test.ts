/** The pool of workers and its mailboxes when threads die at unfavourable moments. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ScoringPool } from '../src/scoring/pool.js';
import type { ScoreTask } from '../src/scoring/mailbox.js';
import { placeModel } from './support/scoring.js';
import { createScoringResources } from '../src/scoring/kernel.js';

function setUp(t: TestContext, workers: number): { pool: ScoringPool; task: ScoreTask } {
  const pool = new ScoringPool(workers, createScoringResources());
  t.after(() => pool.close());
  const model = placeModel(pool, 'v1.0.0');
  const lane = model.takeLane('score');
  assert(lane !== undefined);
  return {
    pool,
    task: {
      strategy: model.strategy,
      image: model.image,
      text: 0,
      lane: lane.address,
      first: 0,
      end: 1,
      explain: false,
    },
  };
}

/** Blocks this thread, as a long turn of its event loop does. */
function stall(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

test('a worker that dies after a task, with another one waiting, loses neither', async (t) => {
  const { pool, task } = setUp(t, 1);
  await pool.run(task);
  for (let round = 0; round < 5; round++) {
    const [first, second] = [pool.run(task), pool.run(task)];
    // Ample time for the first to be done, and then for the thread to end, also where other programs use the cores: the
    // second would fail with a thread that is still ending when this thread looks again.
    stall(400);
    const killed = pool.threads[0].terminate();
    stall(400);
    await Promise.all([first, second, killed]);
    await pool.run(task);
  }
});

test('more tasks than workers are queued and all of them finish, even if a worker dies', async (t) => {
  const { pool, task } = setUp(t, 2);
  await pool.run(task);
  let failed = 0;
  const running = Array.from({ length: 200 }, () => pool.run(task).catch(() => failed++));
  const killed = pool.threads[0].terminate();
  await Promise.all([...running, killed]);
  assert(failed <= 1, `${failed} failed`);
  await Promise.all([pool.run(task), pool.run(task), pool.run(task)]);
});
