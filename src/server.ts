/** The server: it creates its parts and connects them. */
import type { Registry } from 'prom-client';
import { AcceptorThreads } from './acceptors/acceptor-threads.js';
import { Acceptor } from './acceptors/acceptor.js';
import type { Acceptors } from './acceptors/acceptors.js';
import { ownLimits } from './acceptors/limits.js';
import type { AuditTrail } from './audit/trail.js';
import { checkTls } from './config/check-tls.js';
import { type Config, rereadKeys } from './config/config.js';
import { Administration, type Administrator } from './registry/administration.js';
import type { TransportKind } from './http/choose-transport.js';
import type { ModelLoader } from './loading/loader.js';
import { StoreFollower } from './registry/follower.js';
import { MODEL_STATES, type ModelVersion } from './registry/model-version.js';
import { ModelRegistry } from './registry/registry.js';
import { VersionSource } from './registry/source.js';
import type { SharedMemory } from './scoring/memory.js';
import { ScoringPool } from './scoring/pool.js';
import type { ServedModel } from './scoring/served-model.js';
import { openSource } from './loading/open-source.js';
import type { ArtifactStore } from './store/store.js';
import type { Log } from './telemetry/log.js';
import type { LogDestination } from './telemetry/log-destination.js';
import { Metrics, type ModelReading } from './telemetry/metrics.js';
import { InlineScorer } from './scoring/inline-scorer.js';
import type { SharedScoringResources } from './scoring/kernel.js';
import { LightscoreError, messageOf } from './errors.js';

/** Of the time to drain, what is kept for closing: threads, store, audit trail and log. At most a fifth of it. */
const CLOSING_MS = 2000;
const CLOSING_SHARE = 0.2;

/** A terminal is written to at once. */
const NOTHING_LOST: LogDestination['lost'] = { prediction: 0, event: 0, audit: 0, error: 0 };

/** What a server is made of that starts before it. */
export interface ServerParts {
  readonly transports: TransportKind;
  readonly resources: SharedScoringResources<SharedMemory>;
  readonly loader: ModelLoader;
  readonly log: Log;
  readonly audit: AuditTrail;
}

export class Server {
  readonly log: Log;
  /** Resolves if the server should end because of its own failures; the log has the reason. */
  readonly givenUp: Promise<void>;
  readonly #transports: TransportKind;
  readonly #config: Config;
  readonly #metrics = new Metrics();
  readonly #registry: Registry;
  readonly #audit: AuditTrail;
  readonly #memory: SharedMemory;
  readonly #loader: ModelLoader;
  #store: Promise<ArtifactStore> | undefined;
  readonly #source: VersionSource;
  readonly #models: ModelRegistry;
  #reloadWaits = false;
  readonly #follower: StoreFollower;
  readonly #acceptors: Acceptors;
  #draining = false;
  #closing: Promise<boolean> | undefined;

  constructor(config: Config, { transports, resources, loader, log, audit }: ServerParts) {
    this.#transports = transports;
    const { scoring } = config;
    this.#config = config;
    this.log = log;
    const { logger, predictions } = log;
    const metrics = this.#metrics;
    this.#audit = audit;
    this.#memory = resources.memory;
    this.#loader = loader;
    const source = (this.#source = new VersionSource(
      () => (this.#store ??= openSource(config.models.store)),
      config.models,
    ));
    this.#registry = metrics.registry(() => this.#readings());
    let giveUp = (): void => undefined;
    this.givenUp = new Promise((resolve) => (giveUp = resolve));

    const administrator: Administrator = {
      call: (call) => administration.call(call),
      noteRefused: (call) => administration.noteRefused(call),
    };
    const parts = { source, loader: this.#loader, audit: this.#audit, metrics, logger };
    if (config.http.acceptors === 1) {
      const pool = new ScoringPool(scoring.workers, resources);
      this.#acceptors = new Acceptor({
        config,
        transports,
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
        transports,
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
        propagate: (serving) => threads.serve(serving),
      });
    }
    const administration = new Administration({
      models: this.#models,
      source,
      audit,
      isAuditRequired: config.log.auditRequired,
      isDraining: () => this.#draining,
    });
    this.#follower = new StoreFollower({ models: config.models, registry: this.#models, source, metrics, logger });
  }

  get port(): number {
    return this.#acceptors.port;
  }

  get model(): ServedModel | undefined {
    return this.#models.serving?.champion;
  }

  /** Opens the port. The server is then live, but not ready until `loadModel` has finished. */
  listen(): Promise<void> {
    return this.#acceptors.listen();
  }

  /**
   * Serves the model that settings and store name, waiting for the store while it is unreachable, and follows the store
   * from then on.
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND
   */
  loadModel(): Promise<void> {
    return this.#follower.start();
  }

  /**
   * SIGHUP: serves the version that settings and store name now. If that is not possible, the reason is logged and the
   * current model keeps serving.
   */
  async reload(actor: string): Promise<void> {
    await this.#reloadAccess();
    const { logger } = this.log;
    if (!(await this.#untilIdle())) return;
    try {
      const { outcome, version, detail } = await this.#models.reload(actor);
      logger.info({ event: 'reloaded', outcome, version }, detail);
    } catch (error) {
      logger.error({ event: 'reload_failed', err: error }, `the reload failed: ${messageOf(error)}`);
    }
  }

  /**
   * What is under way may have read the store before that was changed: one reload follows it, for however many signals.
   * @returns false where another reload waits already, or the server drains
   */
  async #untilIdle(): Promise<boolean> {
    const { busy } = this.#models;
    if (busy === undefined) return true;
    if (this.#reloadWaits) return false;
    this.#reloadWaits = true;
    this.log.logger.info({ event: 'reload_waits' }, `${busy.what} (${busy.actor}) is under way: the reload follows it`);
    await this.#models.idle();
    this.#reloadWaits = false;
    return !this.#draining;
  }

  /** Keys and certificates that come from files. What is wrong with them is in the log, and the old ones hold. */
  async #reloadAccess(): Promise<void> {
    const { logger } = this.log;
    const { access, http } = this.#config;
    try {
      if (access.apiKeysFile !== undefined || access.adminApiKeysFile !== undefined) {
        const keys = rereadKeys(access);
        await this.#acceptors.useKeys(keys);
        const counts = { api_keys: keys.apiKeys.length, admin_api_keys: keys.adminApiKeys.length };
        logger.info({ event: 'keys_reloaded', ...counts }, 'the key files were read again');
      }
    } catch (error) {
      logger.error({ event: 'keys_not_reloaded', err: error }, `the old keys hold: ${messageOf(error)}`);
    }
    if (http.tls === undefined) return;
    try {
      const { mistake, warning } = checkTls(http.tls);
      if (mistake !== undefined) throw new LightscoreError('CONFIG_INVALID', mistake);
      if (warning !== undefined) logger.warn({ event: 'config_warning' }, warning);
      if (await this.#acceptors.reloadTls()) {
        logger.info({ event: 'certificate_reloaded' }, 'new connections get the certificate as it is now');
      } else {
        const message = 'a new certificate takes a restart: uWebSockets.js keeps the one that it started with';
        logger.warn({ event: 'certificate_not_reloaded' }, message);
      }
    } catch (error) {
      logger.error({ event: 'certificate_not_reloaded', err: error }, `the old certificate stays: ${messageOf(error)}`);
    }
  }

  /**
   * Makes `/readyz` answer 503, gives load balancers time to see it, stops accepting connections, answers every request
   * in flight, and closes everything, all within DRAIN_TIMEOUT_MS.
   * @returns whether every request was answered
   */
  async drain(): Promise<boolean> {
    if (this.#draining) return false;
    this.#draining = true;
    const { drainTimeoutMs, drainDelayMs } = this.#config.http;
    const started = performance.now();
    const closing = Math.min(CLOSING_MS, drainTimeoutMs * CLOSING_SHARE);
    this.#follower.stop();
    const pause = (milliseconds: number): Promise<false> =>
      new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
    await Promise.race([this.#acceptors.startDraining(), pause(drainDelayMs)]);
    this.log.logger.info({ event: 'draining' }, 'draining: accepted requests are answered, then the server ends');
    await pause(drainDelayMs - (performance.now() - started));
    const answered = await Promise.race([
      this.#acceptors.drained().then(
        () => true,
        () => false,
      ),
      pause(drainTimeoutMs - closing - (performance.now() - started)),
    ]);
    await Promise.race([this.close(), pause(drainTimeoutMs - closing / 2 - (performance.now() - started))]);
    this.log.logger.info(
      { event: 'stopped', all_answered: answered },
      answered ? 'stopped: every accepted request was answered' : 'stopped: not every request was answered',
    );
    return answered;
  }

  /**
   * Closes everything at once, without waiting for requests.
   * @returns false if a disk hangs: a thread of this process waits for it
   */
  close(): Promise<boolean> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<boolean> {
    this.#follower.stop();
    await Promise.all([this.#acceptors.close(), this.#loader.close()]);
    (await this.#store)?.close();
    return this.#audit.close();
  }

  /** Lines of the log that were never written and never will be, by kind, over all acceptors. */
  get linesLost(): LogDestination['lost'] {
    return this.#linesLost(this.#acceptors.readings().predictionLinesDropped);
  }

  #linesLost(dropped: number): LogDestination['lost'] {
    const lost = this.log.destination?.lost ?? NOTHING_LOST;
    return { ...lost, prediction: lost.prediction + dropped };
  }

  #readings(): ReturnType<Parameters<Metrics['registry']>[0]> {
    const { champion, previous, experiment, versions } = this.#models;
    const acceptors = this.#acceptors.readings();
    const modelStates: Record<string, number> = Object.fromEntries(MODEL_STATES.map((state) => [state, 0]));
    for (const { state } of versions) modelStates[state] = (modelStates[state] ?? 0) + 1;
    return {
      ...acceptors,
      transport: this.#transports.name,
      sharedBytes: { used: this.#memory.usedBytes, total: this.#memory.totalBytes },
      ready: champion !== undefined && !this.#draining,
      models: [
        ...modelReading('champion', champion),
        ...modelReading('previous', previous),
        ...modelReading('challenger', experiment?.challenger),
      ],
      modelStates,
      namedIsNotServed: this.#source.latest !== undefined && this.#source.latest.version !== champion?.version,
      experiment: experiment && {
        challenger: experiment.challenger.version,
        mode: experiment.mode,
        share: experiment.share,
      },
      audit: this.#audit,
      logLinesLost: this.#linesLost(acceptors.predictionLinesDropped),
      logBroken: this.log.destination?.broken ?? false,
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
