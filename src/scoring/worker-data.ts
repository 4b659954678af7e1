/** Reads the data that a thread of a piscina pool was started with. */
import { workerData } from 'node:worker_threads';

/** Piscina passes [its own data, ours] to its threads. */
export function piscinaWorkerData(): unknown {
  return Array.isArray(workerData) ? workerData[1] : workerData;
}
