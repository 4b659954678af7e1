/**
 * The hand-over between acceptor and worker, step by step: one thread calls both sides of a mailbox, in every order
 * that two threads can produce.
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

test('a task arrives complete, with addresses beyond 2 GiB, and its duration is returned', () => {
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

test('posting while a task is running throws and leaves that task unchanged', () => {
  const mailbox = new Mailbox(Mailbox.bufferFor(1), 0);
  mailbox.post(TASK);
  assert.throws(
    () => mailbox.post({ ...TASK, first: 0 }),
    /^InvariantError: a task is posted to a mailbox while another one is running$/,
  );
  assert.deepEqual(mailbox.wait(), TASK);
  mailbox.finish(1);
  assert.equal(mailbox.isDone, true);
});

test('no completion is missed: the acceptor sees the task done, or the worker sees the request', () => {
  const mailbox = new Mailbox(Mailbox.bufferFor(1), 0);
  mailbox.post(TASK);
  mailbox.requestWakeUp();
  assert.equal(mailbox.isDone, false);
  assert.equal(mailbox.isWakeUpRequested(mailbox.finish(1)), true, 'requested before it was done');

  mailbox.post(TASK);
  const task = mailbox.finish(1);
  assert.equal(mailbox.isWakeUpRequested(task), false, 'not requested');
  mailbox.requestWakeUp();
  assert.equal(mailbox.isDone, true, 'requested after it was done');
});

test('a worker that reads the request late does not use up the message of the next task', () => {
  const mailbox = new Mailbox(Mailbox.bufferFor(1), 0);
  mailbox.post(TASK);
  const first = mailbox.finish(1);
  // The acceptor sees it done, posts the next one and goes to sleep; only then does the worker continue.
  mailbox.post(TASK);
  mailbox.requestWakeUp();
  assert.equal(mailbox.isDone, false);
  assert.equal(mailbox.isWakeUpRequested(first), false);
  assert.equal(mailbox.isWakeUpRequested(mailbox.finish(1)), true);
});

test('counters wrap around at 2^31', () => {
  const buffer = Mailbox.bufferFor(1);
  new Int32Array(buffer).fill(0x7fff_ffff, 0, 2);
  const mailbox = new Mailbox(buffer, 0);
  for (let i = 0; i < 3; i++) {
    mailbox.post(TASK);
    assert.equal(mailbox.isDone, false);
    mailbox.requestWakeUp();
    assert.equal(mailbox.isWakeUpRequested(mailbox.finish(1)), true);
    assert.equal(mailbox.isDone, true);
  }
});

test('a worker of an earlier epoch cannot claim the mailbox, and its unfinished task is discarded', () => {
  const mailbox = new Mailbox(Mailbox.bufferFor(1), 0);
  const { epoch } = mailbox;
  assert.equal(mailbox.isClaimed, false);
  assert.equal(mailbox.claim(epoch), true);
  assert.equal(mailbox.isClaimed, true);
  mailbox.post(TASK);
  mailbox.reset();
  assert.equal(mailbox.isClaimed, false);
  assert.equal(mailbox.isDone, true);
  assert.equal(mailbox.claim(epoch), false);
  assert.equal(mailbox.claim(mailbox.epoch), true);
});
