/**
 * The hand-over between front end and worker, step by step: both ends of a mailbox on one thread, in the orders that
 * two threads can have.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mailbox, type ScoreTask } from '../src/scoring/mailbox.js';

const TASK: ScoreTask = {
  strategy: 'mask64',
  image: 0xffff_ffc0,
  text: 64,
  lane: 0x8000_0000,
  first: 3,
  end: 7,
  explain: true,
};

test('a task arrives whole, with addresses beyond 2 GiB; its time comes back', () => {
  const buffer = Mailbox.bufferFor(2);
  const [mailbox, other] = [new Mailbox(buffer, 1), new Mailbox(buffer, 0)];
  mailbox.post(TASK);
  assert.equal(mailbox.isDone, false);
  assert.deepEqual(mailbox.wait(), TASK);
  mailbox.finish(1.5);
  assert.equal(mailbox.isDone, true);
  assert.equal(mailbox.microseconds, 1500);
  assert.equal(other.isDone, true);
});

test('nothing is posted while a task is under way, which arrives as it was', () => {
  const mailbox = new Mailbox(Mailbox.bufferFor(1), 0);
  mailbox.post(TASK);
  assert.throws(
    () => mailbox.post({ ...TASK, first: 0 }),
    /^InvariantError: a task is posted to a mailbox while another one is under way$/,
  );
  assert.deepEqual(mailbox.wait(), TASK);
  mailbox.finish(1);
  assert.equal(mailbox.isDone, true);
});

test('whoever comes last sees the other: a task is found done, or its worker is asked for a message', () => {
  const mailbox = new Mailbox(Mailbox.bufferFor(1), 0);
  mailbox.post(TASK);
  mailbox.askToBeWoken();
  assert.equal(mailbox.isDone, false);
  assert.equal(mailbox.isAwaited(mailbox.finish(1)), true, 'asked before it was done');

  mailbox.post(TASK);
  const task = mailbox.finish(1);
  assert.equal(mailbox.isAwaited(task), false, 'nobody sleeps');
  mailbox.askToBeWoken();
  assert.equal(mailbox.isDone, true, 'asked after it was done');
});

test('a worker that is late to look whether it is awaited takes no message from the next task', () => {
  const mailbox = new Mailbox(Mailbox.bufferFor(1), 0);
  mailbox.post(TASK);
  const first = mailbox.finish(1);
  // The front end has seen it done, posted the next one, and goes to sleep; only then does the worker get on.
  mailbox.post(TASK);
  mailbox.askToBeWoken();
  assert.equal(mailbox.isDone, false);
  assert.equal(mailbox.isAwaited(first), false);
  assert.equal(mailbox.isAwaited(mailbox.finish(1)), true);
});

test('counts go past 2^31', () => {
  const buffer = Mailbox.bufferFor(1);
  new Int32Array(buffer).fill(0x7fff_ffff, 0, 2);
  const mailbox = new Mailbox(buffer, 0);
  for (let i = 0; i < 3; i++) {
    mailbox.post(TASK);
    assert.equal(mailbox.isDone, false);
    mailbox.askToBeWoken();
    assert.equal(mailbox.isAwaited(mailbox.finish(1)), true);
    assert.equal(mailbox.isDone, true);
  }
});

test('a worker whose turn is over does not attend; what it left undone is gone for the next one', () => {
  const mailbox = new Mailbox(Mailbox.bufferFor(1), 0);
  const { epoch } = mailbox;
  assert.equal(mailbox.isAttended, false);
  assert.equal(mailbox.attend(epoch), true);
  assert.equal(mailbox.isAttended, true);
  mailbox.post(TASK);
  mailbox.reset();
  assert.equal(mailbox.isAttended, false);
  assert.equal(mailbox.isDone, true);
  assert.equal(mailbox.attend(epoch), false);
  assert.equal(mailbox.attend(mailbox.epoch), true);
});
