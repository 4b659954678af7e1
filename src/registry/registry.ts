/** The models of this server: which one answers, and how the first one gets here. */
import { readPublicKey } from '../artifact/integrity.js';
import { fetchArtifact } from '../artifact/artifact.js';
import type { Config } from '../config.js';
import { LightscoreError } from '../errors.js';
import type { ModelCompiler } from '../model/compiler.js';
import { loadModel } from '../model/load.js';
import type { ScoringPool } from '../scoring/pool.js';
import type { ServedModel } from '../scoring/served-model.js';
import type { ArtifactStore } from '../store/store.js';
import { chooseVersion } from '../store/versions.js';
import type { Logger } from '../telemetry/log.js';
import type { Metrics } from '../telemetry/metrics.js';

const RETRY_MS = { first: 500, most: 15_000 } as const;

export class ModelRegistry {
  #champion: ServedModel | undefined;
  #stopped = new AbortController();

  constructor(
    private readonly config: Config,
    private readonly store: ArtifactStore,
    private readonly compiler: ModelCompiler,
    private readonly pool: ScoringPool,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  /** The model that answers; undefined until one is warm. */
  get champion(): ServedModel | undefined {
    return this.#champion;
  }

  /**
   * Loads the version that the configuration and the store name. A store that cannot be reached is tried again until it can, or
   * until `stop`.
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND: trying again would not help
   */
  async start(): Promise<void> {
    for (let wait: number = RETRY_MS.first; !this.#stopped.signal.aborted; wait = Math.min(2 * wait, RETRY_MS.most)) {
      try {
        this.#champion = await this.#load();
        return;
      } catch (error) {
        this.metrics.reloads.add('failed');
        if (!(error instanceof LightscoreError && error.code === 'STORE_UNREACHABLE')) throw error;
        this.logger.error({ event: 'store_unreachable', retry_ms: wait }, error.message);
        await this.#pause(wait);
      }
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #load(): Promise<ServedModel> {
    const started = performance.now();
    const { version, by } = await chooseVersion(this.store, this.config.models.version);
    const { requireChecksums, publicKey } = this.config.models;
    const artifact = await fetchArtifact(this.store, version, { requireChecksums, ...(publicKey !== undefined && { publicKey: readPublicKey(publicKey) }) });
    for (const warning of artifact.warnings) this.logger.warn({ event: 'artifact_warning' }, warning);
    const model = await loadModel(artifact, this.compiler, this.pool);
    this.metrics.reloads.add('loaded');
    const { card } = model;
    this.logger.info(
      { event: 'model_loaded', version, chosen_by: by, model_version: card.modelVersion, calibration_version: card.calibrationVersion, trees: card.trees, strategy: model.strategy, image_bytes: model.imageBytes, sha256: card.modelSha256, ms: Math.round(performance.now() - started) },
      `model ${card.modelVersion} is ready`,
    );
    return model;
  }

  #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      }, { once: true });
    });
  }
}
