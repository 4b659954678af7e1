/** Entry of an acceptor's thread, which the server starts with ACCEPTORS > 1. */
import { parentPort, workerData } from 'node:worker_threads';
import type { AcceptorWorkerData } from '../src/acceptors/messages.js';
import { runAcceptorThread } from '../src/acceptors/thread-main.js';

if (parentPort === null) throw new Error('this file must run on a worker thread that the server starts');
await runAcceptorThread(parentPort, workerData as AcceptorWorkerData);
