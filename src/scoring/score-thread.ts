/** A scoring worker: runs the kernel on lanes that an acceptor has filled. Booster, rows and scores are not copied. */
import { parentPort } from 'node:worker_threads';
import { instantiateKernel, runTask } from './kernel.js';
import { Mailbox } from './mailbox.js';

export interface ScoreWorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly mailboxes: SharedArrayBuffer;
}

/** Which mailbox a worker serves, and in which epoch (see `Mailbox.epoch`). */
export interface MailboxAssignment {
  readonly slot: number;
  readonly epoch: number;
}

/** @returns the function that the thread runs: it scores the tasks of one mailbox until the thread is terminated */
export function scoreThread({ module, memory, mailboxes }: ScoreWorkerData): (assignment: MailboxAssignment) => void {
  const kernels = instantiateKernel(module, memory);
  return ({ slot, epoch }) => {
    const mailbox = new Mailbox(mailboxes, slot);
    if (!mailbox.claim(epoch)) return;
    for (;;) {
      const task = mailbox.finish(runTask(kernels, mailbox.wait()));
      if (mailbox.isWakeUpRequested(task)) parentPort?.postMessage(slot, []);
    }
  };
}
