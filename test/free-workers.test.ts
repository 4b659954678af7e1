/** The count of free workers and of the rows that the others score. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FreeWorkers } from '../src/scoring/free-workers.js';

test('workers are taken while some are free, and are free again when released', () => {
  const workers = new FreeWorkers(2);
  workers.take(30);
  workers.take(0);
  assert.deepEqual([workers.free, workers.rows], [0, 30]);
  workers.release(30);
  assert.deepEqual([workers.free, workers.rows], [1, 0]);
  workers.release(0);
  assert.equal(workers.free, 2);
});

test('taking a worker when none is free, or releasing one twice, throws', () => {
  const workers = new FreeWorkers(1);
  assert.throws(() => workers.release(0), /^InvariantError: a worker is released that is already free$/);
  workers.take(7);
  assert.throws(() => workers.take(1), /^InvariantError: a worker is taken while none is free$/);
  assert.throws(() => workers.release(8), /^InvariantError: a worker is released with more rows/);
  assert.deepEqual([workers.free, workers.rows], [0, 7], 'nothing has changed');
});
