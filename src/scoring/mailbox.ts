/**
 * A mailbox: how one worker is given a task and gives its result back, in shared memory. Posting a message from thread
 * to thread and back costs the front end's thread 10 us or more; storing a task and waking who waits for it a third of
 * that.
 *
 * The front end fills the task, then counts POSTED up and wakes the worker. The worker runs it, then counts DONE up.
 * The front end looks at DONE once per turn of its event loop; before it goes to sleep it writes to WAKE for which task
 * it waits, and the worker that has done that very task posts a message. (The front end writes WAKE, then reads DONE;
 * the worker writes DONE, then reads WAKE: one of them sees the other's. WAKE names the task, as a worker may read it
 * so late that the front end waits for the next one already.)
 */
import { invariant } from '../invariant.js';
import { STRATEGIES, type Strategy } from '../model/strategies.js';

/** Addresses in the shared memory; everything a worker needs to know travels with the task. */
export interface ScoreTask {
  readonly strategy: Strategy;
  readonly image: number;
  /** Of the model's answers; 0: none are to be written. */
  readonly text: number;
  readonly lane: number;
  readonly first: number;
  readonly end: number;
  /** Contributions too; the lane is an explain lane. */
  readonly explain: boolean;
}

// Fields, 32 bits each. What the two sides poll stands on another cache line than the task.
const POSTED = 0;
const DONE = 1;
const WAKE = 2;
const EPOCH = 3;
const ATTENDED = 4;
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

  /** @param slot which of the mailboxes in `buffer` */
  constructor(buffer: SharedArrayBuffer, slot: number) {
    this.#state = new Int32Array(buffer, 4 * FIELDS * slot, FIELDS);
    this.#task = new Uint32Array(buffer, 4 * FIELDS * slot, FIELDS);
  }

  static bufferFor(slots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * FIELDS * slots);
  }

  // The front end's side.

  /** The task before it must be done. */
  post({ strategy, image, text, lane, first, end, explain }: ScoreTask): void {
    invariant(this.isDone, 'a task is posted to a mailbox while another one is under way');
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

  /** What the worker spent on the last task. */
  get microseconds(): number {
    return this.#task[NANOSECONDS] / 1000;
  }

  /** The worker shall post a message when it has done the task; look at `isDone` once more behind this. */
  askToBeWoken(): void {
    Atomics.store(this.#state, WAKE, this.#state[POSTED]);
  }

  /** A worker waits here, or runs a task. */
  get isAttended(): boolean {
    return Atomics.load(this.#state, ATTENDED) === this.epoch;
  }

  /** Which worker's turn it is to attend it, from 1: one that is late for its own must not. */
  get epoch(): number {
    return 1 + Atomics.load(this.#state, EPOCH);
  }

  /** The worker has ended: there is no task for the next one. */
  reset(): void {
    Atomics.add(this.#state, EPOCH, 1);
    Atomics.store(this.#state, DONE, Atomics.load(this.#state, POSTED));
  }

  // The worker's side.

  /** @returns false where another worker's turn has come */
  attend(epoch: number): boolean {
    if (epoch !== this.epoch) return false;
    Atomics.store(this.#state, ATTENDED, epoch);
    return true;
  }

  /** Sleeps until there is a task, which may be the case already. */
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

  /** @returns the number of the task, for `isAwaited` */
  finish(milliseconds: number): number {
    this.#task[NANOSECONDS] = Math.min(milliseconds * 1e6, 0xffff_ffff);
    return (Atomics.add(this.#state, DONE, 1) + 1) | 0;
  }

  /** Whether the front end wants a message about a task that is finished. */
  isAwaited(task: number): boolean {
    return Atomics.load(this.#state, WAKE) === task;
  }
}
