/** A scoring worker: runs the kernel on lanes that an acceptor has filled. Booster, rows and scores stay where they are. */
import { parentPort } from 'node:worker_threads';
import { instantiateKernel, runTask } from './kernel.js';
import { Mailbox } from './mailbox.js';

export interface ScoreWorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly mailboxes: SharedArrayBuffer;
}

/** Which mailbox a worker attends, and as which of its workers (see `Mailbox.epoch`). */
export interface Attendance {
  readonly slot: number;
  readonly epoch: number;
}

/** @returns what the thread runs: it scores what comes to a mailbox until the thread is ended */
export function scoreThread({ module, memory, mailboxes }: ScoreWorkerData): (attendance: Attendance) => void {
  const kernels = instantiateKernel(module, memory);
  return ({ slot, epoch }) => {
    const mailbox = new Mailbox(mailboxes, slot);
    if (!mailbox.attend(epoch)) return;
    for (;;) {
      const task = mailbox.finish(runTask(kernels, mailbox.wait()));
      if (mailbox.isAwaited(task)) parentPort?.postMessage(slot, []);
    }
  };
}
