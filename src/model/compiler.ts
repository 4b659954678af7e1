/** The thread that compiles models: started when there is a model to compile, at a lower priority than scoring, and let go after. */
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { CompileResult, CompileTask, CompileWorkerData, Compiled } from '../../workers/compile.js';
import type { IsotonicCalibrator } from '../artifact/calibrator.js';
import { ArtifactError } from '../errors.js';
import type { SharedMemory } from '../scoring/memory.js';

const IDLE_MS = 5000;
/** Added to the thread's niceness where the system allows it. */
const NICENESS = 10;

export class ModelCompiler {
  readonly #piscina: Piscina;

  constructor(private readonly memory: SharedMemory) {
    const workerData: CompileWorkerData = { memory: memory.memory };
    this.#piscina = new Piscina({
      filename: fileURLToPath(new URL('../../workers/compile.js', import.meta.url)),
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
      recordTiming: false,
      niceIncrement: NICENESS,
      workerData,
    });
  }

  /**
   * @returns what was compiled and the address of its image, which is the caller's to free
   * @throws ArtifactError where the text is not a model that can be served; no memory is kept then
   */
  async compile(file: string, modelText: Uint8Array, calibrator: IsotonicCalibrator): Promise<Compiled & { readonly image: number }> {
    const { port1, port2 } = new MessageChannel();
    let image: number | undefined;
    let outOfMemory: unknown;
    port1.once('message', (bytes: number) => {
      try {
        image = this.memory.allocate(bytes);
        port1.postMessage(image);
      } catch (error) {
        outOfMemory = error;
        abort.abort();
      }
    });
    const abort = new AbortController();
    const task: CompileTask = { file, modelText, calibrator, port: port2 };
    try {
      const result = (await this.#piscina.run(task, { transferList: [port2], signal: abort.signal })) as CompileResult;
      if ('refused' in result) throw new ArtifactError(result.refused.file, result.refused.reason);
      return { ...result.compiled, image: image as number };
    } catch (error) {
      if (image !== undefined) this.memory.free(image);
      throw outOfMemory ?? error;
    } finally {
      port1.close();
    }
  }

  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
