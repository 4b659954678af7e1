/**
 * Runs loads on a thread of their own (`workers/load.ts`), which starts with the server or when a model is to be
 * loaded, runs at a lower priority than scoring, and ends when it has been idle.
 */
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Config } from '../config/config.js';
import { ArtifactError, LightscoreError, messageOf } from '../errors.js';
import type { SharedScoringResources } from '../scoring/kernel.js';
import type { Regions } from '../scoring/memory.js';
import { threadOptions } from '../scoring/worker-data.js';
import type { LoadResult, LoadTask, LoadWorkerData, LoadedImage, MemoryRequest } from './messages.js';

const IDLE_MS = 5000;
/**
 * Added to the thread's niceness if the system allows it: 19 is the lowest priority there is. On two idle cores, a load
 * raises the 99th percentile of the event-loop delay from 1.5 to 4 ms at a niceness of 10, and to 2.2 ms at 19. A load
 * takes seconds on cores that scoring keeps busy, which is acceptable.
 */
const NICENESS = 19;

export class ModelLoader {
  readonly #memory: Regions;
  readonly #models: Config['models'];
  readonly #piscina: Piscina;
  #loads = 0;
  /** Ends the load that is under way. */
  #cancel: ((reason: string) => void) | undefined;

  constructor(resources: SharedScoringResources, models: Config['models']) {
    this.#memory = resources.memory;
    this.#models = models;
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
      ...threadOptions(),
      workerData,
    });
  }

  /** Starts the thread ahead of the first load: while it starts, the caller imports the rest of the server. */
  startThread(): void {
    // A thread that cannot start fails the first load as well, which reports it.
    this.#piscina.run(undefined).catch(() => undefined);
  }

  /**
   * @returns a verified image in shared memory, which the caller must free
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE, MODEL_UNSUPPORTED (not enough memory),
   * WORKER_FAILED, MODEL_CONFLICT where it was cancelled; a failed load leaves no memory allocated
   */
  async load(version: string): Promise<LoadedImage> {
    const memory = this.#memory;
    const { port1, port2 } = new MessageChannel();
    const allocated = new Set<number>();
    const abort = new AbortController();
    let ended: unknown;
    this.#cancel = (reason) => {
      ended = new LightscoreError('MODEL_CONFLICT', reason);
      abort.abort();
    };
    port1.on('message', ({ bytes }: MemoryRequest) => {
      try {
        const address = memory.allocate(bytes);
        allocated.add(address);
        port1.postMessage(address);
      } catch (error) {
        ended = error;
        abort.abort();
      }
    });
    const { requireChecksums, publicKey } = this.#models;
    const task: LoadTask = { version, requireChecksums, publicKey, isFirst: this.#loads++ === 0, port: port2 };
    try {
      const result = await this.#run(task, abort.signal);
      if ('refused' in result) {
        const { code, message, file, reason } = result.refused;
        throw file !== undefined && reason !== undefined
          ? new ArtifactError(file, reason)
          : new LightscoreError(code, message);
      }
      allocated.delete(result.loaded.image);
      return result.loaded;
    } catch (error) {
      throw ended ?? error;
    } finally {
      this.#cancel = undefined;
      port1.close();
      for (const address of allocated) memory.free(address);
    }
  }

  /**
   * Ends the load that is under way, wherever it is: its thread is terminated, and another takes the next load.
   * @param reason what the load throws
   * @returns false if none is under way
   */
  cancel(reason: string): boolean {
    const cancel = this.#cancel;
    cancel?.(reason);
    return cancel !== undefined;
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

  /** The threads that are alive: one at most. */
  get threads(): readonly { terminate(): Promise<number> }[] {
    return this.#piscina.threads;
  }

  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
