/**
 * The thread that loads models (`workers/load.ts`): started when there is one to load, at a lower priority than
 * scoring, and let go after.
 */
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Config } from '../config/config.js';
import { ArtifactError, LightscoreError, messageOf } from '../errors.js';
import type { LoadResult, LoadTask, LoadWorkerData, LoadedImage, MemoryRequest } from './messages.js';
import type { SharedScoringResources } from '../scoring/kernel.js';

const IDLE_MS = 5000;
/**
 * Added to the thread's niceness where the system allows it: the least there is. At 10 a load moved the 99th percentile
 * of the event-loop delay from 1.5 to 4 ms on two idle cores, at 19 to 2.2; on cores that scoring keeps busy a load
 * takes seconds, and may.
 */
const NICENESS = 19;

export class ModelLoader {
  readonly #piscina: Piscina;
  #loads = 0;

  constructor(
    private readonly resources: SharedScoringResources,
    private readonly models: Config['models'],
  ) {
    const workerData: LoadWorkerData = {
      module: resources.module,
      memory: resources.memory.memory,
      store: models.store,
    };
    this.#piscina = new Piscina({
      filename: fileURLToPath(new URL('../../workers/load.js', import.meta.url)),
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
      recordTiming: false,
      niceIncrement: NICENESS,
      workerData,
    });
  }

  /**
   * @returns a verified image in shared memory, which is the caller's to free
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE, MODEL_UNSUPPORTED (no room),
   * WORKER_FAILED; no memory is kept then
   */
  async load(version: string): Promise<LoadedImage> {
    const { memory } = this.resources;
    const { port1, port2 } = new MessageChannel();
    const given = new Set<number>();
    const abort = new AbortController();
    let outOfMemory: unknown;
    port1.on('message', ({ bytes }: MemoryRequest) => {
      try {
        const address = memory.allocate(bytes);
        given.add(address);
        port1.postMessage(address);
      } catch (error) {
        outOfMemory = error;
        abort.abort();
      }
    });
    const { requireChecksums, publicKey } = this.models;
    const task: LoadTask = { version, requireChecksums, publicKey, hurried: this.#loads++ === 0, port: port2 };
    try {
      const result = await this.#run(task, abort.signal);
      if ('refused' in result) {
        const { code, message, file, reason } = result.refused;
        throw file !== undefined && reason !== undefined
          ? new ArtifactError(file, reason)
          : new LightscoreError(code, message);
      }
      given.delete(result.loaded.image);
      return result.loaded;
    } catch (error) {
      throw outOfMemory ?? error;
    } finally {
      port1.close();
      for (const address of given) memory.free(address);
    }
  }

  async #run(task: LoadTask, signal: AbortSignal): Promise<LoadResult> {
    try {
      return (await this.#piscina.run(task, { transferList: [task.port], signal })) as LoadResult;
    } catch (error) {
      throw new LightscoreError(
        'WORKER_FAILED',
        `loading ${task.version}: the loader thread failed: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Threads alive now. */
  get threads(): readonly { terminate(): Promise<number> }[] {
    return this.#piscina.threads;
  }

  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
