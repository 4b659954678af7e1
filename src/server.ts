/** The server: its parts, wired. */
import type { Registry } from 'prom-client';
import { AcceptorThreads } from './acceptors/acceptor-threads.js';
import { Acceptor } from './acceptors/acceptor.js';
import type { Acceptors } from './acceptors/acceptors.js';
import { ownLimits } from './acceptors/limits.js';
import { AuditTrail } from './audit/trail.js';
import type { Config } from './config/config.js';
import { Administration, type Administrator } from './registry/administration.js';
import { loadUWebSockets } from './http/uws.js';
import { ModelLoader } from './loading/loader.js';
import { StoreFollower } from './registry/follower.js';
import type { ModelVersion } from './registry/model-version.js';
import { ModelRegistry } from './registry/registry.js';
import { VersionSource } from './registry/source.js';
import type { SharedMemory } from './scoring/memory.js';
import { ScoringPool } from './scoring/pool.js';
import type { ServedModel } from './scoring/served-model.js';
import { openStore } from './store/open.js';
import type { ArtifactStore } from './store/store.js';
import { type Log, openLog } from './telemetry/log.js';
import { Metrics, type ModelReading } from './telemetry/metrics.js';
import { InlineScorer } from './scoring/inline-scorer.js';
import { createScoringResources } from './scoring/kernel.js';
import { messageOf } from './errors.js';

/** How long a draining server still takes connections, so that load balancers see `/readyz` turn 503. */
const LINGER_MS = 1000;

export class Server {
  readonly log: Log;
  /** Resolves where the server should end for its own faults; the log says why. */
  readonly givenUp: Promise<void>;
  readonly #metrics = new Metrics();
  readonly #registry: Registry;
  readonly #audit: AuditTrail;
  readonly #memory: SharedMemory;
  readonly #loader: ModelLoader;
  #store: Promise<ArtifactStore> | undefined;
  readonly #models: ModelRegistry;
  readonly #follower: StoreFollower;
  readonly #acceptors: Acceptors;
  #draining = false;

  /** @throws LightscoreError CONFIG_INVALID where AUDIT_LOG cannot be continued, HTTP_UNAVAILABLE */
  constructor(private readonly config: Config) {
    const { log, scoring } = config;
    // Before any thread is started: a thread would fail for the same reason, or keep the process from ending.
    loadUWebSockets();
    this.log = openLog(log.level, log.predictionSample);
    const { logger, predictions } = this.log;
    const metrics = this.#metrics;
    this.#audit = new AuditTrail(log.auditFile, logger);
    const resources = createScoringResources();
    this.#memory = resources.memory;
    this.#loader = new ModelLoader(resources, config.models);
    const source = new VersionSource(() => (this.#store ??= openStore(config.models.store)), config.models.version);
    this.#registry = metrics.registry(() => this.#readings());
    let giveUp = (): void => undefined;
    this.givenUp = new Promise((resolve) => (giveUp = resolve));

    const administrator: Administrator = {
      call: (call) => administration.call(call),
      noteRefused: (method, path, address) => administration.noteRefused(method, path, address),
    };
    const parts = { source, loader: this.#loader, audit: this.#audit, metrics, logger };
    if (config.http.acceptors === 1) {
      const pool = new ScoringPool(scoring.workers, resources);
      this.#acceptors = new Acceptor({
        config,
        pool,
        limits: ownLimits(config),
        metrics,
        predictions,
        logger,
        administrator,
        serving: () => this.#models.serving,
        scrape: () => this.#registry.metrics(),
      });
      this.#models = new ModelRegistry({ ...parts, pool });
    } else {
      const threads = new AcceptorThreads({
        config,
        resources,
        metrics,
        predictions,
        logger,
        administrator,
        scrape: () => threads.count().then(() => this.#registry.metrics()),
        onGivenUp: giveUp,
      });
      this.#acceptors = threads;
      this.#models = new ModelRegistry({
        ...parts,
        pool: new InlineScorer(resources),
        spread: (serving) => threads.serve(serving),
      });
    }
    const administration = new Administration(this.#models, source, this.#audit, () => this.#draining);
    this.#follower = new StoreFollower(config.models, this.#models, source, metrics, logger);
  }

  get port(): number {
    return this.#acceptors.port;
  }

  get model(): ServedModel | undefined {
    return this.#models.serving?.champion;
  }

  /** Opens the port; the server is live, and unready until `loadModel` is done. */
  listen(): Promise<void> {
    return this.#acceptors.listen();
  }

  /**
   * Serves the model that settings and store name, waiting for the store where it cannot be reached, and follows the
   * store from there.
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND
   */
  loadModel(): Promise<void> {
    return this.#follower.start();
  }

  /**
   * SIGHUP: serves what settings and store name now. A version that cannot be served is in the log; what served goes
   * on.
   */
  async reload(actor: string): Promise<void> {
    const { logger } = this.log;
    try {
      const { outcome, version, detail } = await this.#models.reload(actor);
      logger.info({ event: 'reloaded', outcome, version }, detail);
    } catch (error) {
      logger.error({ event: 'reload_failed', err: error }, `not reloaded: ${messageOf(error)}`);
    }
  }

  /**
   * Turns `/readyz` to 503, lets load balancers see it, takes no more connections, answers every request under way, and
   * ends what it started. Resolves within DRAIN_TIMEOUT_MS, or a little later.
   * @returns whether every request was answered
   */
  async drain(): Promise<boolean> {
    if (this.#draining) return false;
    this.#draining = true;
    const { drainTimeoutMs } = this.config.http;
    this.#follower.stop();
    const pause = (milliseconds: number): Promise<false> =>
      new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
    const linger = Math.min(LINGER_MS, drainTimeoutMs / 2);
    await Promise.race([this.#acceptors.startDraining(), pause(linger)]);
    this.log.logger.info({ event: 'draining' }, 'draining: answering what was accepted');
    await pause(linger);
    const answered = await Promise.race([
      this.#acceptors.drained().then(
        () => true,
        () => false,
      ),
      pause(drainTimeoutMs - linger),
    ]);
    await this.close();
    this.log.logger.info(
      { event: 'stopped', all_answered: answered },
      answered ? 'stopped: every accepted request was answered' : 'stopped: DRAIN_TIMEOUT_MS ran out',
    );
    return answered;
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    this.#follower.stop();
    await Promise.all([this.#acceptors.close(), this.#loader.close()]);
    (await this.#store)?.close();
    await this.#audit.close();
  }

  #readings(): ReturnType<Parameters<Metrics['registry']>[0]> {
    const { champion, previous, experiment, versions } = this.#models;
    const modelStates: Record<string, number> = {};
    for (const { state } of versions) modelStates[state] = (modelStates[state] ?? 0) + 1;
    return {
      ...this.#acceptors.readings(),
      sharedBytes: { used: this.#memory.usedBytes, total: this.#memory.totalBytes },
      ready: champion !== undefined && !this.#draining,
      models: [
        ...modelReading('champion', champion),
        ...modelReading('previous', previous),
        ...modelReading('challenger', experiment?.challenger),
      ],
      modelStates,
      experiment: experiment && {
        challenger: experiment.challenger.version,
        mode: experiment.mode,
        share: experiment.share,
      },
      auditFailures: this.#audit.failures,
    };
  }
}

function modelReading(role: ModelReading['role'], entry: ModelVersion | undefined): ModelReading[] {
  const card = entry?.model?.card;
  if (card === undefined) return [];
  return [
    {
      role,
      model_version: card.modelVersion,
      calibration_version: card.calibrationVersion,
      feature_set_version: card.featureSetVersion ?? '',
      strategy: entry?.model?.strategy ?? '',
      trees: String(card.trees),
      sha256: card.modelSha256,
    },
  ];
}
