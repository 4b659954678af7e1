/** The server: its parts, wired. */
import { readFileSync } from 'node:fs';
import type { Config } from './config.js';
import { Acceptor } from './http/acceptor.js';
import { ModelCompiler } from './model/compiler.js';
import { ModelRegistry } from './registry/registry.js';
import { Batcher } from './scoring/batcher.js';
import { ScoringPool } from './scoring/pool.js';
import type { ServedModel } from './scoring/served-model.js';
import { FolderStore } from './store/folder.js';
import { S3Store } from './store/s3.js';
import type { ArtifactStore } from './store/store.js';
import { type Log, openLog } from './telemetry/log.js';
import { Metrics } from './telemetry/metrics.js';

/** How long a draining server still takes connections, so that load balancers see `/readyz` turn 503. */
const LINGER_MS = 1000;

export const VERSION = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

export function openStore(store: Config['models']['store']): ArtifactStore {
  return store.kind === 's3' ? new S3Store({ bucket: store.bucket, prefix: store.prefix }) : new FolderStore(store.folder);
}

export class Server {
  readonly log: Log;
  readonly #metrics = new Metrics();
  readonly #pool: ScoringPool;
  readonly #batcher: Batcher;
  readonly #compiler: ModelCompiler;
  readonly #store: ArtifactStore;
  readonly #registry: ModelRegistry;
  readonly #acceptor: Acceptor;
  #draining = false;

  constructor(private readonly config: Config) {
    const { log, scoring } = config;
    this.log = openLog(log.level, log.predictionSample);
    const { logger, predictions } = this.log;
    this.#pool = new ScoringPool(scoring.workers);
    this.#batcher = new Batcher(this.#pool, scoring, {
      dispatched: (rows, waitSeconds, inline) => this.#metrics.dispatched(rows, waitSeconds, inline),
      delivered: () => predictions.flush(),
      workerFailed: (error) => {
        this.#metrics.workerFailed();
        logger.error({ event: 'worker_failed', err: error }, 'a scoring worker died; its batch goes to another');
      },
    });
    this.#compiler = new ModelCompiler(this.#pool.memory);
    this.#store = openStore(config.models.store);
    this.#registry = new ModelRegistry(config, this.#store, this.#compiler, this.#pool, this.#metrics, logger);
    this.#acceptor = new Acceptor({
      config,
      batcher: this.#batcher,
      model: () => this.#registry.champion,
      metrics: this.#metrics,
      registry: this.#metrics.registry(() => this.#readings()),
      predictions,
      version: VERSION,
      logError: (error, what) => logger.error({ event: 'request_failed', what, err: error }, 'a request could not be answered'),
    });
  }

  get port(): number {
    return this.#acceptor.port;
  }

  get model(): ServedModel | undefined {
    return this.#registry.champion;
  }

  /** Opens the port; the server is live, and unready until `loadModel` is done. */
  listen(): Promise<void> {
    return this.#acceptor.listen();
  }

  loadModel(): Promise<void> {
    return this.#registry.start();
  }

  /**
   * Turns `/readyz` to 503, lets load balancers see it, takes no more connections, answers every request under way, and ends what it
   * started. Resolves within DRAIN_TIMEOUT_MS, or a little later.
   * @returns whether every request was answered
   */
  async drain(): Promise<boolean> {
    if (this.#draining) return false;
    this.#draining = true;
    const { drainTimeoutMs } = this.config.http;
    this.log.logger.info({ event: 'draining' }, 'draining: answering what was accepted');
    this.#acceptor.startDraining();
    this.#registry.stop();
    const pause = (milliseconds: number): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
    const linger = Math.min(LINGER_MS, drainTimeoutMs / 2);
    await pause(linger);
    const answered = await Promise.race([this.#acceptor.drained().then(() => true), pause(drainTimeoutMs - linger)]);
    await this.close();
    this.log.logger.info({ event: 'stopped', all_answered: answered }, answered ? 'stopped: every accepted request was answered' : 'stopped: DRAIN_TIMEOUT_MS ran out');
    this.log.flush();
    return answered;
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    this.#registry.stop();
    this.#acceptor.close();
    this.#batcher.close();
    this.#store.close();
    await Promise.all([this.#compiler.close(), this.#pool.close()]);
  }

  #readings(): ReturnType<Parameters<Metrics['registry']>[0]> {
    const model = this.#registry.champion;
    return {
      waitingRows: this.#batcher.waitingRows,
      workers: this.#pool.threads.length,
      sharedBytes: { used: this.#pool.memory.usedBytes, total: this.#pool.memory.totalBytes },
      predictionLinesDropped: this.log.predictions.dropped,
      ready: model !== undefined && !this.#draining,
      model: model && {
        model_version: model.card.modelVersion,
        calibration_version: model.card.calibrationVersion,
        feature_set_version: model.card.featureSetVersion ?? '',
        strategy: model.strategy,
        trees: String(model.card.trees),
        sha256: model.card.modelSha256,
      },
    };
  }
}
