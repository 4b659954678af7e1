/**
 * A scoring worker: runs the kernel on lanes that the front end has filled. Booster, rows and scores stay where they
 * are.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { carryOut, instantiateKernel } from '../src/scoring/kernel.js';
import { Mailbox } from '../src/scoring/mailbox.js';

export interface ScoreWorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly mailboxes: SharedArrayBuffer;
}

// piscina hands workerData over as [its own, ours].
const { module, memory, mailboxes } = (Array.isArray(workerData) ? workerData[1] : workerData) as ScoreWorkerData;
const kernels = instantiateKernel(module, memory);

/** Scores what comes to a mailbox, until the thread is ended. */
export default function score({ slot, tenure }: { readonly slot: number; readonly tenure: number }): void {
  const mailbox = new Mailbox(mailboxes, slot);
  if (!mailbox.attend(tenure)) return;
  for (;;) {
    const task = mailbox.finish(carryOut(kernels, mailbox.wait()));
    if (mailbox.isAwaited(task)) parentPort?.postMessage(slot, []);
  }
}
