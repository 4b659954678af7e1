/** An acceptor on a thread of its own, as the server starts it with ACCEPTORS > 1. */
import { parentPort, workerData } from 'node:worker_threads';
import type { AcceptorWorkerData } from '../src/acceptors/messages.js';
import { runAcceptorThread } from '../src/acceptors/thread-main.js';

if (parentPort === null) throw new Error('an acceptor runs on a thread that the server starts');
await runAcceptorThread(parentPort, workerData as AcceptorWorkerData);
