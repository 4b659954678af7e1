/**
 * Preloaded into a server under test (NODE_OPTIONS=--import): SIGUSR2 gives back to a quota on the main thread what was
 * never taken of it.
 */
import { isMainThread } from 'node:worker_threads';
import { OwnQuota } from '../../src/scoring/quota.js';

if (isMainThread) process.on('SIGUSR2', () => new OwnQuota(1).give(1));
