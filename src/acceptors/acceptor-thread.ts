/** The main thread's end of one acceptor on a thread of its own (`workers/acceptor.ts`). */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/config.js';
import { LightscoreError } from '../errors.js';
import type { AdminCall, Administrator } from '../registry/administration.js';
import type { Serving } from '../registry/serving.js';
import type { SharedMemory } from '../scoring/memory.js';
import type { ServedModel } from '../scoring/served-model.js';
import type { Logger, PredictionLog } from '../telemetry/log.js';
import { Channel, sendable } from './channel.js';
import { MemoryLender } from './leased-memory.js';
import { type LimitCells, sharedLimits } from './limits.js';
import {
  type AcceptorCounts,
  type AcceptorMessages,
  type AcceptorWorkerData,
  type MainMessages,
  published,
} from './messages.js';
import type { SharedScoringResources } from '../scoring/kernel.js';

export interface ThreadParts {
  readonly config: Config;
  readonly resources: SharedScoringResources<SharedMemory>;
  readonly administrator: Administrator;
  readonly scrape: () => Promise<string>;
  readonly logger: Logger;
  readonly predictions: PredictionLog;
}

/** A scrape does not wait longer for an acceptor that is busy; what it counted last stands in. */
const COUNTS_MS = 1000;

export class AcceptorThread {
  readonly #worker: Worker;
  readonly #channel: Channel<MainMessages, AcceptorMessages>;
  readonly #lender: MemoryLender;
  #models = new Set<ServedModel>();
  #latest: AcceptorCounts | undefined;
  /** The thread and its workers have ended; why, where nobody asked for it. */
  readonly ended: Promise<Error | undefined>;

  /** @param acceptor from 0 */
  constructor(
    readonly acceptor: number,
    private readonly parts: ThreadParts,
    cells: LimitCells,
  ) {
    const { config, resources, predictions } = parts;
    const limits = sharedLimits(config, cells, acceptor);
    this.#lender = new MemoryLender(resources.memory);
    const workerData: AcceptorWorkerData = {
      config,
      acceptor,
      cells,
      workers: workersOf(acceptor, config),
      module: resources.module,
      memory: resources.memory.memory,
      lease: this.#lender.end,
      predictionSample: predictions.sample,
    };
    this.#worker = new Worker(fileURLToPath(new URL('../../workers/acceptor.js', import.meta.url)), {
      name: `acceptor ${acceptor + 1}`,
      workerData,
      transferList: [this.#lender.end.port],
    });
    let failure: Error | undefined;
    this.#channel = new Channel<MainMessages, AcceptorMessages>(this.#worker, {
      requests: {
        administer: (call) => this.#administer(call),
        scrape: () => parts.scrape(),
      },
      notifications: {
        adminRefused: (call) => parts.administrator.noteRefused(call),
        error: ({ fields, message }) => parts.logger.error({ ...fields, acceptor: acceptor + 1 }, message),
        lines: ({ lines, count }) => {
          limits.lineCharacters.give(lines.length);
          predictions.write(lines, count);
        },
        failed: ({ error, counts }) => {
          failure = error;
          this.#latest = counts;
        },
      },
    });
    this.ended = new Promise((resolve) => {
      this.#worker.on('error', (error) => (failure ??= error instanceof Error ? error : new Error(String(error))));
      this.#worker.on('exit', (code) => {
        failure ??= code === 0 ? undefined : new Error(`the thread of acceptor ${acceptor + 1} ended with ${code}`);
        this.#channel.end(
          new LightscoreError('WORKER_FAILED', failure?.message ?? `acceptor ${acceptor + 1} has ended`, {
            cause: failure,
          }),
        );
        this.#lender.close();
        limits.giveAll();
        resolve(failure);
      });
    });
  }

  /** What it had counted when it was last asked. */
  get latest(): AcceptorCounts | undefined {
    return this.#latest;
  }

  /** @throws LightscoreError CONFIG_INVALID where the port cannot be had, WORKER_FAILED where the thread has ended */
  async listen(port: number): Promise<void> {
    await this.#channel.request('listen', port);
  }

  /**
   * Resolves when all later requests are answered by `serving`.
   * @throws LightscoreError WORKER_FAILED where the thread has ended
   */
  async serve(serving: Serving): Promise<void> {
    const models = new Set([
      serving.champion,
      ...(serving.experiment === undefined ? [] : [serving.experiment.challenger]),
    ]);
    // The acceptor gives back the images of models that it did not serve with before, each once: so they are lent.
    for (const model of models) if (!this.#models.has(model)) this.#lender.lendImage(model);
    this.#models = models;
    await this.#channel.request('serve', published(serving));
  }

  /** @throws LightscoreError WORKER_FAILED where the thread has ended */
  async startDraining(): Promise<void> {
    await this.#channel.request('startDraining', undefined);
  }

  /**
   * Takes no new connections and resolves when every request under way has its answer.
   * @throws LightscoreError WORKER_FAILED where the thread has ended
   */
  async drain(): Promise<void> {
    await this.#channel.request('drain', undefined);
  }

  /** Brings `latest` up to date, where the acceptor answers in time. */
  async count(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), COUNTS_MS)));
    const asked = this.#channel.request('counts', undefined).then(
      // Also where nobody waits any more. Answers come in the order of the questions.
      (counts) => void (this.#latest = counts),
      () => undefined,
    );
    await Promise.race([asked, late]);
    clearTimeout(timer);
  }

  close(): void {
    this.#channel.notify('close', undefined);
  }

  async #administer(call: AdminCall): ReturnType<Administrator['call']> {
    const answer = await this.parts.administrator.call(call);
    return 'fault' in answer ? { ...answer, fault: sendable(answer.fault) } : answer;
  }
}

/** WORKERS are divided among the acceptors, at least one for each. */
function workersOf(acceptor: number, { http: { acceptors }, scoring: { workers } }: Config): number {
  return Math.max(1, Math.floor(workers / acceptors) + (acceptor < workers % acceptors ? 1 : 0));
}
