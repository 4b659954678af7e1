/** A scoring worker: runs the kernel on a lane that the front end has filled. Booster, rows and scores stay where they are. */
import { workerData } from 'node:worker_threads';
import type { Strategy } from '../src/model/image.js';
import { instantiateKernel } from '../src/scoring/kernel.js';

export interface ScoreWorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

/** Addresses in the shared memory; everything a worker needs to know travels with the task. */
export interface ScoreTask {
  readonly strategy: Strategy;
  readonly image: number;
  /** Of the model's answers; 0: none are to be written. */
  readonly text: number;
  readonly lane: number;
  readonly first: number;
  readonly end: number;
  /** Contributions too; the lane is an explain lane. */
  readonly explain: boolean;
}

// piscina hands workerData over as [its own, ours].
const { module, memory } = (Array.isArray(workerData) ? workerData[1] : workerData) as ScoreWorkerData;
const kernels = instantiateKernel(module, memory);

/** @returns microseconds spent scoring */
export default function score({ strategy, image, text, lane, first, end, explain }: ScoreTask): number {
  const started = performance.now();
  const kernel = kernels[strategy];
  kernel.score(image, lane, first, end);
  if (explain) kernel.explain(image, lane, first, end);
  if (text > 0) kernels.text.writeAnswers(image, text, lane, first, end);
  return (performance.now() - started) * 1000;
}
