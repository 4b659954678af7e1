/**
 * The pool of scoring workers over one shared memory, and this thread's own kernels for scoring inline. Piscina manages
 * the threads: each runs a single piscina task, which waits at a mailbox for batches and ends with the thread.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { Mailbox, type ScoreTask } from './mailbox.js';
import type { MailboxAssignment, ScoreWorkerData } from './score-thread.js';
import { threadOptions } from './worker-data.js';
import { type Kernels, type SharedScoringResources, instantiateKernel } from './kernel.js';
import { type Regions, SharedMemory } from './memory.js';

/**
 * How long this thread, with nothing else to do, polls for a result before it sleeps, milliseconds. Waking it takes
 * longer than most batches. It does not poll on a single core, which the worker needs.
 */
const POLL_MS = availableParallelism() > 1 ? 0.05 : 0;

interface PendingTask {
  readonly task: ScoreTask;
  resolve(microseconds: number): void;
  reject(error: unknown): void;
}

/** A mailbox and the thread that serves it. When the thread dies, another one takes its place. */
interface Slot {
  readonly index: number;
  readonly mailbox: Mailbox;
  /** Cancels the assignment of a thread to the mailbox; undefined while none is assigned. */
  assignment: AbortController | undefined;
  /** The assigned thread has finished a task. */
  healthy: boolean;
  running: PendingTask | undefined;
}

/** Scores lanes, on the calling thread or on workers. */
export interface Scorer {
  /** How many lanes it scores at the same time. */
  readonly workers: number;
  /**
   * @returns the time spent, in microseconds
   * @throws whatever ended the worker; the rows in the lane are unchanged then, so the same task can be run again
   */
  run(task: ScoreTask): Promise<number>;
}

export class ScoringPool<Memory extends Regions = SharedMemory> implements Scorer, SharedScoringResources<Memory> {
  readonly memory: Memory;
  readonly module: WebAssembly.Module;
  /** This thread's own instance of the kernel, over the same memory. */
  readonly kernels: Kernels;
  readonly #piscina: Piscina;
  readonly #slots: readonly Slot[];
  readonly #queue: PendingTask[] = [];
  #running = 0;
  #polling = false;
  #pollsUntil = 0;
  #closing = false;

  /** @param workers number of threads, at least 1; they start at once and stay */
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
      ...threadOptions(),
      workerData,
    });
    this.#piscina.on('message', () => this.#collect());
    this.#piscina.on('workerDestroy', () => setImmediate(() => this.#cancelUnclaimed()));
    // A thread failed before it had a piscina task. The `workerDestroy` event rejects the batch that waits for it.
    this.#piscina.on('error', () => undefined);
    this.#slots = Array.from({ length: workers }, (_, index) => ({
      index,
      mailbox: new Mailbox(mailboxes, index),
      assignment: undefined,
      healthy: false,
      running: undefined,
    }));
    for (const slot of this.#slots) this.#assignThread(slot);
  }

  run(task: ScoreTask): Promise<number> {
    return new Promise((resolve, reject) => {
      const pending = { task, resolve, reject };
      const free = this.#slots.find(({ running }) => running === undefined);
      if (free === undefined) this.#queue.push(pending);
      else this.#post(free, pending);
    });
  }

  /** The threads that are alive. */
  get threads(): readonly { readonly threadId: number; terminate(): Promise<number> }[] {
    return this.#piscina.threads;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#piscina.destroy();
  }

  #post(slot: Slot, pending: PendingTask): void {
    slot.mailbox.post(pending.task);
    slot.running = pending;
    this.#running++;
    if (slot.assignment === undefined) this.#assignThread(slot);
    this.#pollsUntil = performance.now() + POLL_MS;
    if (this.#polling) return;
    this.#polling = true;
    setImmediate(() => this.#poll());
  }

  /** Assigns a thread to the mailbox, which may already contain a task. */
  #assignThread(slot: Slot): void {
    const assignment = new AbortController();
    slot.assignment = assignment;
    slot.healthy = false;
    (
      this.#piscina.run({ slot: slot.index, epoch: slot.mailbox.epoch } satisfies MailboxAssignment, {
        signal: assignment.signal,
      }) as Promise<void>
    ).catch((error: unknown) => {
      if (this.#closing) return;
      slot.assignment = undefined;
      const { running, mailbox } = slot;
      // A task that was finished before the thread ended counts. Nothing may be posted before the reset, which marks
      // every posted task as done.
      const { isDone, microseconds } = mailbox;
      mailbox.reset();
      if (running !== undefined) {
        slot.healthy ||= isDone;
        if (isDone) running.resolve(microseconds);
        else running.reject(error);
        this.#release(slot);
      }
      // A thread that died before it finished anything is replaced only when there is a task: the next one might die
      // as well.
      if (slot.healthy && slot.assignment === undefined) this.#assignThread(slot);
    });
  }

  /**
   * Called when a thread has ended. If it was still starting, piscina does not replace it, and the mailbox that it
   * would have claimed would wait for ever. So this rejects that mailbox's task, and the next task starts a thread.
   */
  #cancelUnclaimed(): void {
    if (this.#closing || this.threads.length >= this.workers) return;
    for (const { assignment, mailbox } of this.#slots)
      if (!mailbox.isClaimed) assignment?.abort(new Error('the worker ended before it was ready'));
  }

  /** Collects results once per turn of the event loop while tasks are running. */
  #poll(): void {
    this.#collect();
    if (this.#running === 0) {
      this.#polling = false;
    } else if (performance.now() < this.#pollsUntil) {
      setImmediate(() => this.#poll());
    } else {
      this.#polling = false;
      for (const { mailbox, running } of this.#slots) if (running !== undefined) mailbox.requestWakeUp();
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
    if (next !== undefined) this.#post(slot, next);
  }
}
