/** When the lanes and the memory of a model are in use, and when they are freed. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createScoringResources } from '../src/scoring/kernel.js';
import { ScoringPool } from '../src/scoring/pool.js';
import { placeModel } from './support/scoring.js';

function startPool(t: TestContext): ScoringPool {
  const pool = new ScoringPool(1, createScoringResources());
  t.after(() => pool.close());
  return pool;
}

test('a lane belongs to one batch at a time, and is released once, to the model it was taken from', (t) => {
  const pool = startPool(t);
  const [model, other] = [placeModel(pool, 'v1.0.0'), placeModel(pool, 'v1.0.0')];
  const lane = model.takeLane('score');
  assert(lane !== undefined);
  assert.notEqual(model.takeLane('score'), lane);
  assert.throws(() => lane.take(model), /^InvariantError: a lane is taken while another batch holds it$/);
  assert.throws(() => other.releaseLane(lane), /^InvariantError: a lane is released to another model/);
  model.releaseLane(lane);
  assert.throws(() => model.releaseLane(lane), /^InvariantError: a lane is released that no batch holds$/);
  assert.equal(model.takeLane('score'), lane, 'it is kept for the next batch');
});

test('a model whose memory was freed cannot be used, held or released', (t) => {
  const pool = startPool(t);
  const model = placeModel(pool, 'v1.0.0');
  model.hold();
  model.retire();
  const lane = model.takeLane('score');
  assert(lane !== undefined, 'the image stays in memory while another thread holds it');
  model.release();
  model.releaseLane(lane);
  assert.equal(pool.memory.usedBytes, 0);
  assert.throws(() => model.takeLane('score'), /^InvariantError: a lane is taken from a model whose memory was freed$/);
  assert.throws(() => model.hold(), /^InvariantError: a model is held whose memory was freed$/);
  assert.throws(() => model.release(), /^InvariantError: a model is released that nobody holds$/);
  assert.equal(pool.memory.usedBytes, 0);
});
