/** What a thread of a piscina pool was started with. */
import { workerData } from 'node:worker_threads';

/** Piscina hands its threads [its own data, ours]. */
export function piscinaWorkerData(): unknown {
  return Array.isArray(workerData) ? workerData[1] : workerData;
}
