/**
 * Preloaded into a server under test (NODE_OPTIONS=--import), and so into its threads: SIGUSR2 lets its first acceptor,
 * or the one that has replaced it, meet what it does not catch; SIGWINCH ends it from outside.
 */
import { BroadcastChannel, type Worker, isMainThread, threadId } from 'node:worker_threads';

const channel = new BroadcastChannel('acceptors under test');
channel.unref();

if (isMainThread) {
  const threads = new Map<unknown, Worker>();
  let acceptor: Worker | undefined;
  process.on('worker', (worker: Worker) => {
    const id = worker.threadId;
    threads.set(id, worker);
    worker.once('exit', () => {
      threads.delete(id);
      if (acceptor === worker) acceptor = undefined;
    });
  });
  channel.addEventListener('message', (event) => {
    acceptor ??= threads.get((event as MessageEvent).data);
  });
  // A notification that the acceptor does not know.
  process.on('SIGUSR2', () => acceptor?.postMessage({ kind: 'notification', name: 'nonsense' }));
  process.on('SIGWINCH', () => void acceptor?.terminate());
} else if (process.argv[1]?.endsWith('/acceptor.js')) channel.postMessage(threadId);
