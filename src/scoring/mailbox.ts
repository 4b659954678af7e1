/**
 * A mailbox in shared memory, through which one worker gets its tasks and returns their results. Posting a message to a
 * thread and back costs the acceptor's thread 10 us or more; storing a task and waking the worker costs a third of
 * that.
 *
 * The acceptor writes the task, then increments POSTED and wakes the worker. The worker runs it, then increments DONE.
 * The acceptor reads DONE once per turn of its event loop. Before it sleeps, it writes the number of the task that it
 * waits for to WAKE, and the worker that finishes this task posts a message. No completion is missed: the acceptor
 * writes WAKE and then reads DONE, the worker writes DONE and then reads WAKE, so at least one of them sees what the
 * other has written. WAKE contains the number of the task, because a worker may read it so late that the acceptor
 * already waits for the next task.
 */
import { invariant } from '../invariant.js';
import { STRATEGIES, type Strategy } from '../model/strategies.js';

/** Everything that a worker needs to score some rows of a lane. Image, text and lane are addresses in shared memory. */
export interface ScoreTask {
  readonly strategy: Strategy;
  readonly image: number;
  /** The text of the model's answers; 0 if the kernel writes no answers. */
  readonly text: number;
  readonly lane: number;
  readonly first: number;
  readonly end: number;
  /** Computes contributions as well; the lane must be an explain lane. */
  readonly explain: boolean;
}

// Fields, 32 bits each. The fields that both sides poll are on a different cache line than the task.
const POSTED = 0;
const DONE = 1;
const WAKE = 2;
const EPOCH = 3;
const CLAIMED = 4;
const STRATEGY = 16;
const IMAGE = 17;
const TEXT = 18;
const LANE = 19;
const FIRST = 20;
const END = 21;
const EXPLAIN = 22;
const NANOSECONDS = 23;
const FIELDS = 32;

export class Mailbox {
  readonly #state: Int32Array;
  readonly #task: Uint32Array;

  /** @param slot index of the mailbox in `buffer` */
  constructor(buffer: SharedArrayBuffer, slot: number) {
    this.#state = new Int32Array(buffer, 4 * FIELDS * slot, FIELDS);
    this.#task = new Uint32Array(buffer, 4 * FIELDS * slot, FIELDS);
  }

  static bufferFor(slots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * FIELDS * slots);
  }

  // Methods for the acceptor.

  /** Posts a task; the previous one must be done. */
  post({ strategy, image, text, lane, first, end, explain }: ScoreTask): void {
    invariant(this.isDone, 'a task is posted to a mailbox while another one is running');
    const task = this.#task;
    task[STRATEGY] = STRATEGIES.indexOf(strategy);
    task[IMAGE] = image;
    task[TEXT] = text;
    task[LANE] = lane;
    task[FIRST] = first;
    task[END] = end;
    task[EXPLAIN] = Number(explain);
    Atomics.add(this.#state, POSTED, 1);
    Atomics.notify(this.#state, POSTED, 1);
  }

  get isDone(): boolean {
    return Atomics.load(this.#state, DONE) === this.#state[POSTED];
  }

  /** The time that the worker spent on the last task. */
  get microseconds(): number {
    return this.#task[NANOSECONDS] / 1000;
  }

  /** Asks the worker for a message when it finishes the task. The caller must then check `isDone` once more. */
  requestWakeUp(): void {
    Atomics.store(this.#state, WAKE, this.#state[POSTED]);
  }

  /** The worker of the current epoch waits for a task, or runs one. */
  get isClaimed(): boolean {
    return Atomics.load(this.#state, CLAIMED) === this.epoch;
  }

  /** Which worker may claim the mailbox, counted from 1: a worker that starts too late, in a later epoch, must not. */
  get epoch(): number {
    return 1 + Atomics.load(this.#state, EPOCH);
  }

  /** Begins the next epoch after a worker has ended. Its task, if it was not done, is discarded. */
  reset(): void {
    Atomics.add(this.#state, EPOCH, 1);
    Atomics.store(this.#state, DONE, Atomics.load(this.#state, POSTED));
  }

  // Methods for the worker.

  /** @returns false if the epoch of another worker has begun */
  claim(epoch: number): boolean {
    if (epoch !== this.epoch) return false;
    Atomics.store(this.#state, CLAIMED, epoch);
    return true;
  }

  /** Returns the next task; sleeps until there is one. */
  wait(): ScoreTask {
    const done = this.#state[DONE];
    while (Atomics.load(this.#state, POSTED) === done) Atomics.wait(this.#state, POSTED, done);
    const task = this.#task;
    return {
      strategy: STRATEGIES[task[STRATEGY]],
      image: task[IMAGE],
      text: task[TEXT],
      lane: task[LANE],
      first: task[FIRST],
      end: task[END],
      explain: task[EXPLAIN] === 1,
    };
  }

  /** @returns the number of the task, for `isWakeUpRequested` */
  finish(milliseconds: number): number {
    this.#task[NANOSECONDS] = Math.min(milliseconds * 1e6, 0xffff_ffff);
    return (Atomics.add(this.#state, DONE, 1) + 1) | 0;
  }

  /** Whether the acceptor waits for a message about this finished task. */
  isWakeUpRequested(task: number): boolean {
    return Atomics.load(this.#state, WAKE) === task;
  }
}
