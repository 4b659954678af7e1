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

test('a lane belongs to one batch at a time, and comes back once, to the model that it was taken of', (t) => {
  const pool = startPool(t);
  const [model, other] = [placeModel(pool, 'v1.0.0'), placeModel(pool, 'v1.0.0')];
  const lane = model.takeLane('score');
  assert(lane !== undefined);
  assert.notEqual(model.takeLane('score'), lane);
  assert.throws(() => lane.take(model), /^InvariantError: a lane is taken that a batch has already$/);
  assert.throws(() => other.releaseLane(lane), /^InvariantError: a lane is given back to another model/);
  model.releaseLane(lane);
  assert.throws(() => model.releaseLane(lane), /^InvariantError: a lane is given back that no batch has$/);
  assert.equal(model.takeLane('score'), lane, 'it is kept for the next batch');
});

test('a model whose memory was given back is neither scored with nor held, nor let go once more', (t) => {
  const pool = startPool(t);
  const model = placeModel(pool, 'v1.0.0');
  model.hold();
  model.retire();
  const lane = model.takeLane('score');
  assert(lane !== undefined, 'the image stays in place while another thread holds it');
  model.letGo();
  model.releaseLane(lane);
  assert.equal(pool.memory.usedBytes, 0);
  assert.throws(
    () => model.takeLane('score'),
    /^InvariantError: a lane is taken of a model whose memory was given back$/,
  );
  assert.throws(() => model.hold(), /^InvariantError: a model is held whose memory was given back$/);
  assert.throws(() => model.letGo(), /^InvariantError: a model is let go that nobody holds$/);
  assert.equal(pool.memory.usedBytes, 0);
});
