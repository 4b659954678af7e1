/**
 * Preloaded into a server under test (NODE_OPTIONS=--import): SIGUSR2 lets the newest thread of its first acceptor meet
 * what it does not catch, SIGWINCH ends it from outside.
 */
import { type Worker, isMainThread } from 'node:worker_threads';

if (isMainThread) {
  let acceptor: Worker | undefined;
  process.on('worker', (worker: Worker) => {
    // The server starts its acceptors before all other threads; later only those that replace them and the loader's.
    acceptor ??= worker;
    worker.once('exit', () => {
      if (acceptor !== worker) return;
      acceptor = undefined;
    });
  });
  // A notification that the acceptor does not know.
  process.on('SIGUSR2', () => acceptor?.postMessage({ kind: 'notification', name: 'nonsense' }));
  process.on('SIGWINCH', () => void acceptor?.terminate());
}
