/**
 * The pool of scoring workers, one shared memory under all of them, and the kernel of this thread for scoring on the
 * spot. Piscina keeps the threads: each runs one task of its own, which is to wait at a mailbox for batches, and ends
 * with the thread.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { Mailbox, type ScoreTask } from './mailbox.js';
import type { Attendance, ScoreWorkerData } from './score-thread.js';
import { type Kernels, type SharedScoringResources, instantiateKernel } from './kernel.js';
import { type Regions, SharedMemory } from './memory.js';

/**
 * How long this thread, with nothing else to do, looks for a result before it goes to sleep, milliseconds. Waking it
 * takes longer than most batches. With one core the worker would wait for it instead.
 */
const LOOK_MS = availableParallelism() > 1 ? 0.05 : 0;

interface Waiting {
  readonly task: ScoreTask;
  resolve(microseconds: number): void;
  reject(error: unknown): void;
}

/** One worker's place: thread after thread, should they die. */
interface Slot {
  readonly index: number;
  readonly mailbox: Mailbox;
  /** Ends the wait for a thread that is to attend the mailbox; undefined where none is or will be there. */
  attendance: AbortController | undefined;
  /** That thread has done a task. */
  healthy: boolean;
  running: Waiting | undefined;
}

/** Scores a lane, somewhere. */
export interface Scorer {
  /** Lanes that are scored at the same time. */
  readonly workers: number;
  /**
   * @returns microseconds spent
   * @throws whatever ended the worker; the lane's rows are untouched then, so the same task may be run again
   */
  run(task: ScoreTask): Promise<number>;
}

export class ScoringPool<Memory extends Regions = SharedMemory> implements Scorer, SharedScoringResources<Memory> {
  readonly memory: Memory;
  readonly module: WebAssembly.Module;
  /** This thread's own kernels over the same memory. */
  readonly kernels: Kernels;
  readonly #piscina: Piscina;
  readonly #slots: readonly Slot[];
  readonly #queue: Waiting[] = [];
  #running = 0;
  #looking = false;
  #looksUntil = 0;
  #closing = false;

  /** @param workers threads, at least 1, started at once and kept */
  constructor(
    readonly workers: number,
    { memory, module }: SharedScoringResources<Memory>,
  ) {
    this.memory = memory;
    this.module = module;
    this.kernels = instantiateKernel(module, memory.memory);
    const mailboxes = Mailbox.bufferFor(workers);
    const workerData: ScoreWorkerData = { module, memory: memory.memory, mailboxes };
    this.#piscina = new Piscina({
      filename: fileURLToPath(new URL('../../workers/score.js', import.meta.url)),
      minThreads: workers,
      maxThreads: workers,
      idleTimeout: 0,
      maxQueue: Number.POSITIVE_INFINITY,
      recordTiming: false,
      workerData,
    });
    this.#piscina.on('message', () => this.#collect());
    this.#piscina.on('workerDestroy', () => setImmediate(() => this.#giveUpWaiting()));
    // Of a thread that failed before it had a task. The batch that waits for it hears of it by `workerDestroy`.
    this.#piscina.on('error', () => undefined);
    this.#slots = Array.from({ length: workers }, (_, index) => ({
      index,
      mailbox: new Mailbox(mailboxes, index),
      attendance: undefined,
      healthy: false,
      running: undefined,
    }));
    for (const slot of this.#slots) this.#attend(slot);
  }

  run(task: ScoreTask): Promise<number> {
    return new Promise((resolve, reject) => {
      const waiting = { task, resolve, reject };
      const free = this.#slots.find(({ running }) => running === undefined);
      if (free === undefined) this.#queue.push(waiting);
      else this.#give(free, waiting);
    });
  }

  /** Threads alive now. */
  get threads(): readonly { readonly threadId: number; terminate(): Promise<number> }[] {
    return this.#piscina.threads;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#piscina.destroy();
  }

  #give(slot: Slot, waiting: Waiting): void {
    slot.mailbox.post(waiting.task);
    slot.running = waiting;
    this.#running++;
    if (slot.attendance === undefined) this.#attend(slot);
    this.#looksUntil = performance.now() + LOOK_MS;
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => this.#look());
  }

  /** Has a thread wait at the mailbox; a task may be in it already. */
  #attend(slot: Slot): void {
    const attendance = new AbortController();
    slot.attendance = attendance;
    slot.healthy = false;
    (
      this.#piscina.run({ slot: slot.index, epoch: slot.mailbox.epoch } satisfies Attendance, {
        signal: attendance.signal,
      }) as Promise<void>
    ).catch((error: unknown) => {
      if (this.#closing) return;
      slot.attendance = undefined;
      const { running, mailbox } = slot;
      // What was done before the thread ended is done. Nothing may be posted before the reset, which would count it as
      // done.
      const { isDone, microseconds } = mailbox;
      mailbox.reset();
      if (running !== undefined) {
        slot.healthy ||= isDone;
        if (isDone) running.resolve(microseconds);
        else running.reject(error);
        this.#release(slot);
      }
      // One that died before it had done anything is replaced when there is work for it: the next one might die as
      // well.
      if (slot.healthy && slot.attendance === undefined) this.#attend(slot);
    });
  }

  /**
   * A thread has ended. Where it was still starting piscina starts no other by itself, and a mailbox that it would have
   * attended waits for ever: its batch is told so, and whatever comes next has a thread started.
   */
  #giveUpWaiting(): void {
    if (this.#closing || this.threads.length >= this.workers) return;
    for (const { attendance, mailbox } of this.#slots)
      if (!mailbox.isAttended) attendance?.abort(new Error('the worker ended while it started'));
  }

  /** Once per turn of the event loop while batches are under way. */
  #look(): void {
    this.#collect();
    if (this.#running === 0) {
      this.#looking = false;
    } else if (performance.now() < this.#looksUntil) {
      setImmediate(() => this.#look());
    } else {
      this.#looking = false;
      for (const { mailbox, running } of this.#slots) if (running !== undefined) mailbox.askToBeWoken();
      this.#collect();
    }
  }

  #collect(): void {
    for (const slot of this.#slots) {
      const { running, mailbox } = slot;
      if (running === undefined || !mailbox.isDone) continue;
      const { microseconds } = mailbox;
      slot.healthy = true;
      this.#release(slot);
      running.resolve(microseconds);
    }
  }

  #release(slot: Slot): void {
    slot.running = undefined;
    this.#running--;
    const next = this.#queue.shift();
    if (next !== undefined) this.#give(slot, next);
  }
}
