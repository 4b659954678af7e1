/** The loader's thread: runs one load at a time, in shared memory that the main thread allocates for it. */
import { setImmediate } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { ArtifactError } from '../errors.js';
import { instantiateKernel } from '../scoring/kernel.js';
import { openSource } from './open-source.js';
import type { LoadResult, LoadTask, LoadWorkerData, MemoryRequest, Refusal } from './messages.js';
import { prepareImage, refusalOf } from './pipeline.js';

/** @returns the function that the thread runs for each task */
export function loaderThread({
  module,
  memory,
  store: config,
}: LoadWorkerData): (task?: LoadTask) => Promise<LoadResult | undefined> {
  const kernels = instantiateKernel(module, memory);
  const store = openSource(config);
  return async (task) => {
    if (task === undefined) return undefined;
    const { port, version } = task;
    const ended = new AbortController();
    try {
      const allocate = (bytes: number): Promise<number> => requestMemory(port, memory, bytes);
      const resources = { memory, kernels, store: await store, allocate, signal: ended.signal };
      return { loaded: await prepareImage(task, resources) };
    } catch (error) {
      return { refused: refusal(error, version) };
    } finally {
      ended.abort();
      port.close();
    }
  };
}

/** The refusal of a version as plain data; anything else is a fault of the loader, and is thrown on. */
function refusal(error: unknown, version: string): Refusal {
  const refused = refusalOf(error, version);
  if (refused === undefined) throw error;
  const { code, message } = refused;
  return refused instanceof ArtifactError
    ? { code, message, file: refused.file, reason: refused.reason }
    : { code, message };
}

/** Asks the main thread to allocate shared memory; returns its address. */
async function requestMemory(port: MessagePort, memory: WebAssembly.Memory, bytes: number): Promise<number> {
  const request: MemoryRequest = { bytes };
  const address = await new Promise<number>((resolve) => {
    port.once('message', resolve);
    port.postMessage(request);
  });
  // If another thread has grown the memory, `buffer` shows the new size only after a turn of this thread's event loop.
  while (memory.buffer.byteLength < address + bytes) await setImmediate();
  return address;
}
