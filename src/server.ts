/** The server: its parts, wired. */
import { AuditTrail } from './audit/trail.js';
import type { Config } from './config.js';
import { LightscoreError } from './errors.js';
import { Acceptor } from './http/acceptor.js';
import { ModelLoader } from './model/loader.js';
import { StoreFollower } from './registry/follower.js';
import type { ModelVersion } from './registry/model-version.js';
import { ModelRegistry } from './registry/registry.js';
import { VersionSource } from './registry/source.js';
import { Batcher } from './scoring/batcher.js';
import { ScoringPool } from './scoring/pool.js';
import type { ServedModel } from './scoring/served-model.js';
import { TurnClock } from './scoring/turn-clock.js';
import { ShadowQueue } from './scoring/shadow.js';
import { openStore } from './store/open.js';
import type { ArtifactStore } from './store/store.js';
import { type Log, openLog } from './telemetry/log.js';
import { Metrics, type ModelReading } from './telemetry/metrics.js';
import { VERSION } from './version.js';

/** How long a draining server still takes connections, so that load balancers see `/readyz` turn 503. */
const LINGER_MS = 1000;

export class Server {
  readonly log: Log;
  readonly #metrics = new Metrics();
  readonly #audit: AuditTrail;
  readonly #pool: ScoringPool;
  readonly #shadow = new ShadowQueue();
  readonly #batcher: Batcher;
  readonly #loader: ModelLoader;
  #store: Promise<ArtifactStore> | undefined;
  readonly #models: ModelRegistry;
  readonly #follower: StoreFollower;
  readonly #acceptor: Acceptor;
  #draining = false;

  /** @throws LightscoreError CONFIG_INVALID for what this version cannot do yet */
  constructor(private readonly config: Config) {
    if (config.http.acceptors > 1) throw new LightscoreError('CONFIG_INVALID', `ACCEPTORS is ${config.http.acceptors}: this version has one acceptor; start several processes behind a load balancer instead`);
    const { log, scoring } = config;
    this.#pool = new ScoringPool(scoring.workers);
    this.log = openLog(log.level, log.predictionSample, this.#pool);
    const { logger, predictions } = this.log;
    this.#audit = new AuditTrail(log.auditFile, logger);
    this.#batcher = new Batcher(this.#pool, scoring, {
      dispatched: (rows, waitSeconds, inline) => this.#metrics.dispatched(rows, waitSeconds, inline),
      delivered: () => predictions.batchDone(),
      answerFailed: (error) => logger.error({ event: 'answer_failed', err: error }, 'a request could not be answered with its scores'),
      workerFailed: (error) => {
        this.#metrics.workerFailed();
        logger.error({ event: 'worker_failed', err: error }, 'a scoring worker died; its batch goes to another');
      },
    }, this.#shadow);
    this.#loader = new ModelLoader(this.#pool, config.models);
    const source = new VersionSource(() => (this.#store ??= openStore(config.models.store)), config.models.version);
    this.#models = new ModelRegistry({ source, loader: this.#loader, pool: this.#pool, audit: this.#audit, metrics: this.#metrics, logger });
    this.#follower = new StoreFollower(config.models, this.#models, source, this.#metrics, logger);
    this.#acceptor = new Acceptor({
      config,
      pool: this.#pool,
      batcher: this.#batcher,
      shadow: this.#shadow,
      serving: () => this.#models.serving,
      models: this.#models,
      source,
      audit: this.#audit,
      metrics: this.#metrics,
      registry: this.#metrics.registry(() => this.#readings()),
      predictions,
      clock: new TurnClock(),
      version: VERSION,
      logError: (error, route, requestId) => logger.error({ event: 'request_failed', route, request_id: requestId, err: error }, 'a request could not be answered'),
    });
  }

  get port(): number {
    return this.#acceptor.port;
  }

  get model(): ServedModel | undefined {
    return this.#models.serving?.champion;
  }

  /** Opens the port; the server is live, and unready until `loadModel` is done. */
  listen(): Promise<void> {
    return this.#acceptor.listen();
  }

  /**
   * Serves the model that settings and store name, waiting for the store where it cannot be reached, and follows the store from there.
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND
   */
  loadModel(): Promise<void> {
    return this.#follower.start();
  }

  /** SIGHUP: serves what settings and store name now. A version that cannot be served is in the log; what served goes on. */
  async reload(actor: string): Promise<void> {
    const { logger } = this.log;
    try {
      const { outcome, version, detail } = await this.#models.reload(actor);
      logger.info({ event: 'reloaded', outcome, version }, detail);
    } catch (error) {
      logger.error({ event: 'reload_failed', err: error }, `not reloaded: ${error instanceof Error ? error.message : String(error)}`);
    }
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
    this.#follower.stop();
    const pause = (milliseconds: number): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
    const linger = Math.min(LINGER_MS, drainTimeoutMs / 2);
    await pause(linger);
    const answered = await Promise.race([this.#acceptor.drained().then(() => true), pause(drainTimeoutMs - linger)]);
    await this.close();
    this.log.logger.info({ event: 'stopped', all_answered: answered }, answered ? 'stopped: every accepted request was answered' : 'stopped: DRAIN_TIMEOUT_MS ran out');
    return answered;
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    this.#follower.stop();
    this.#acceptor.close();
    this.#batcher.close();
    this.#shadow.close();
    await Promise.all([this.#loader.close(), this.#pool.close()]);
    (await this.#store)?.close();
    await this.#audit.close();
  }

  #readings(): ReturnType<Parameters<Metrics['registry']>[0]> {
    const { champion, previous, experiment, versions } = this.#models;
    // What gathers still may be dropped too, and belongs to what was answered before this scrape.
    this.log.predictions.flush();
    const modelStates: Record<string, number> = {};
    for (const { state } of versions) modelStates[state] = (modelStates[state] ?? 0) + 1;
    return {
      waitingRows: this.#batcher.waitingRows,
      workers: this.#pool.threads.length,
      sharedBytes: { used: this.#pool.memory.usedBytes, total: this.#pool.memory.totalBytes },
      predictionLinesDropped: this.log.predictions.dropped,
      ready: champion !== undefined && !this.#draining,
      models: [...modelReading('champion', champion), ...modelReading('previous', previous), ...modelReading('challenger', experiment?.challenger)],
      modelStates,
      experiment: experiment && { challenger: experiment.challenger.version, mode: experiment.mode, share: experiment.share },
      auditFailures: this.#audit.failures,
    };
  }
}

function modelReading(role: ModelReading['role'], entry: ModelVersion | undefined): ModelReading[] {
  const card = entry?.model?.card;
  if (card === undefined) return [];
  return [{
    role,
    model_version: card.modelVersion,
    calibration_version: card.calibrationVersion,
    feature_set_version: card.featureSetVersion ?? '',
    strategy: entry?.model?.strategy ?? '',
    trees: String(card.trees),
    sha256: card.modelSha256,
  }];
}
