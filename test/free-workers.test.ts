import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FreeWorkers } from '../src/scoring/free-workers.js';

test('workers are taken while there are free ones, and free again when they are given back', () => {
  const workers = new FreeWorkers(2);
  workers.take(30);
  workers.take(0);
  assert.deepEqual([workers.free, workers.rows], [0, 30]);
  workers.giveBack(30);
  assert.deepEqual([workers.free, workers.rows], [1, 0]);
  workers.giveBack(0);
  assert.equal(workers.free, 2);
});

test('no more workers are taken than there are, and none is given back twice', () => {
  const workers = new FreeWorkers(1);
  assert.throws(() => workers.giveBack(0), /^InvariantError: a worker is given back that was free already$/);
  workers.take(7);
  assert.throws(() => workers.take(1), /^InvariantError: a batch is given to a worker while none is free$/);
  assert.throws(() => workers.giveBack(8), /^InvariantError: a worker is given back with more rows/);
  assert.deepEqual([workers.free, workers.rows], [0, 7], 'nothing has changed');
});
