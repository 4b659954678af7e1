/** The main thread's side of one acceptor that runs on its own thread (`workers/acceptor.ts`). */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { AccessKeys } from '../access/access-control.js';
import type { Config } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
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

/** How long a scrape waits for an acceptor; if it does not answer in time, its last known counts are used. */
const COUNTS_MS = 1000;

export class AcceptorThread {
  readonly #parts: ThreadParts;
  readonly #worker: Worker;
  readonly #channel: Channel<MainMessages, AcceptorMessages>;
  readonly #lender: MemoryLender;
  #models = new Set<ServedModel>();
  #latest: AcceptorCounts | undefined;
  /** Resolves when the thread and its workers have ended: with the failure, or undefined for an orderly end. */
  readonly ended: Promise<Error | undefined>;

  /** @param acceptor index, from 0 */
  constructor(
    readonly acceptor: number,
    parts: ThreadParts,
    cells: LimitCells,
  ) {
    const { config, resources, predictions } = parts;
    this.#parts = parts;
    const limits = sharedLimits(config, cells, acceptor);
    this.#lender = new MemoryLender(resources.memory);
    const workerData: AcceptorWorkerData = {
      config,
      acceptor,
      cells,
      workers: workersOf(acceptor, config),
      module: resources.module,
      memory: resources.memory.memory,
      lease: this.#lender.endpoint,
      predictionSample: predictions.sample,
    };
    this.#worker = new Worker(fileURLToPath(new URL('../../workers/acceptor.js', import.meta.url)), {
      name: `acceptor ${acceptor + 1}`,
      workerData,
      transferList: [this.#lender.endpoint.port],
    });
    let failure: Error | undefined;
    this.#channel = new Channel<MainMessages, AcceptorMessages>(this.#worker, {
      requests: {
        administer: (call) => this.#administer(call),
        scrape: () => parts.scrape(),
      },
      notifications: {
        adminRefused: (call) => parts.administrator.noteRefused(call),
        log: ({ level, fields, message }) => parts.logger[level]({ ...fields, acceptor: acceptor + 1 }, message),
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
      this.#worker.on('error', (error) => (failure ??= error instanceof Error ? error : new Error(messageOf(error))));
      this.#worker.on('exit', (code) => {
        failure ??=
          code === 0 ? undefined : new Error(`the thread of acceptor ${acceptor + 1} exited with code ${code}`);
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

  /** The counts it sent last. */
  get latest(): AcceptorCounts | undefined {
    return this.#latest;
  }

  /** @throws LightscoreError CONFIG_INVALID if the port cannot be opened, WORKER_FAILED if the thread has ended */
  async listen(port: number): Promise<void> {
    await this.#channel.request('listen', port);
  }

  /**
   * Resolves when the acceptor answers every new request with `serving`.
   * @throws LightscoreError WORKER_FAILED if the thread has ended
   */
  async serve(serving: Serving): Promise<void> {
    const models = new Set([
      serving.champion,
      ...(serving.experiment === undefined ? [] : [serving.experiment.challenger]),
    ]);
    // The acceptor returns each image once, when it stops using it. So an image is lent only when its use begins.
    for (const model of models) if (!this.#models.has(model)) this.#lender.lendImage(model);
    this.#models = models;
    await this.#channel.request('serve', published(serving));
  }

  /** @throws LightscoreError WORKER_FAILED if the thread has ended */
  async useKeys(keys: AccessKeys): Promise<void> {
    await this.#channel.request('useKeys', keys);
  }

  /** @throws Error if the files cannot be used; LightscoreError WORKER_FAILED if the thread has ended */
  reloadTls(): Promise<boolean> {
    return this.#channel.request('reloadTls', undefined);
  }

  /** @throws LightscoreError WORKER_FAILED if the thread has ended */
  async startDraining(): Promise<void> {
    await this.#channel.request('startDraining', undefined);
  }

  /**
   * Stops accepting connections and resolves when every request in flight is answered.
   * @throws LightscoreError WORKER_FAILED if the thread has ended
   */
  async drain(): Promise<void> {
    await this.#channel.request('drain', undefined);
  }

  /** Updates `latest`, if the acceptor answers in time. */
  async count(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), COUNTS_MS)));
    const updated = this.#channel.request('counts', undefined).then(
      // A late response is stored too: responses arrive in the order of the requests, so it is the newest so far.
      (counts) => void (this.#latest = counts),
      () => undefined,
    );
    await Promise.race([updated, timeout]);
    clearTimeout(timer);
  }

  close(): void {
    this.#channel.notify('close', undefined);
  }

  async #administer(call: AdminCall): ReturnType<Administrator['call']> {
    const answer = await this.#parts.administrator.call(call);
    return 'fault' in answer ? { ...answer, fault: sendable(answer.fault) } : answer;
  }
}

/** Divides WORKERS among the acceptors; each gets at least one. */
function workersOf(acceptor: number, { http: { acceptors }, scoring: { workers } }: Config): number {
  return Math.max(1, Math.floor(workers / acceptors) + (acceptor < workers % acceptors ? 1 : 0));
}
