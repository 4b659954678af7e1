/**
 * Follows the store: loads the first model, and retries while the store cannot be reached; starts the challenger of the
 * settings; and polls the store for another version.
 */
import type { Challenger, Config } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import type { Logger } from '../telemetry/log.js';
import type { Metrics } from '../telemetry/metrics.js';
import { type ModelRegistry, isRefusal } from './registry.js';
import type { SelectedVersion, VersionSource } from './source.js';

const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;
/**
 * Each interval between polls is longer or shorter by up to this share, so that servers that are started together do
 * not poll together.
 */
const JITTER = 0.1;

export interface FollowerParts {
  readonly models: Config['models'];
  readonly registry: ModelRegistry;
  readonly source: VersionSource;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export class StoreFollower {
  readonly #parts: FollowerParts;
  readonly #stopped = new AbortController();
  /** The selection and files that the last poll found, if they need no further attempt. */
  #settled = '';

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /**
   * Serves the version that settings and store select. Retries until the store can be reached, or until `stop`.
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND, for which a retry would not help
   */
  async start(): Promise<void> {
    const { models, registry } = this.#parts;
    await this.#retry(async () => {
      if (registry.serving === undefined) await registry.reload('start');
    });
    this.#settle();
    if (models.challenger !== undefined) void this.#startChallenger(models.challenger);
    if (models.pollSeconds > 0) void this.#follow(models.pollSeconds);
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Logs a challenger that cannot be loaded; the server serves without it. */
  async #startChallenger(challenger: Challenger): Promise<void> {
    const { logger, registry } = this.#parts;
    try {
      await this.#retry(async () => {
        await registry.startExperiment(challenger, 'start');
      });
    } catch (error) {
      logger.error(
        { event: 'challenger_failed', version: challenger.version, err: error },
        `the challenger ${challenger.version} does not run: ${messageOf(error)}`,
      );
    }
  }

  /** Repeats an attempt while the store cannot be reached or another load runs. */
  async #retry(attempt: () => Promise<void>): Promise<void> {
    const { logger, source } = this.#parts;
    for (let wait = MIN_RETRY_MS; !this.#stopped.signal.aborted; wait = Math.min(2 * wait, MAX_RETRY_MS)) {
      try {
        // Each attempt is audited, so it is only repeated once the store answers: an outage then makes one entry, not
        // one every 15 s.
        if (wait > MIN_RETRY_MS) await source.poll();
        await attempt();
        return;
      } catch (error) {
        const isTemporary =
          error instanceof LightscoreError && (error.code === 'STORE_UNREACHABLE' || error.code === 'LOAD_IN_PROGRESS');
        if (!isTemporary || this.#stopped.signal.aborted) throw error;
        logger.error(
          { event: error.code === 'STORE_UNREACHABLE' ? 'store_unreachable' : 'load_in_progress', retry_ms: wait },
          error.message,
        );
        await this.#pause(wait);
      }
    }
  }

  async #follow(seconds: number): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#pause(seconds * 1000 * (1 + JITTER * (2 * Math.random() - 1)));
      if (!this.#stopped.signal.aborted) await this.#poll();
    }
  }

  /**
   * Serves the selected version if selection or files have changed since the last poll, so that an operator's own
   * choice is kept until then. A refused version is not tried again before something changes; a failed load is.
   */
  async #poll(): Promise<void> {
    const { logger, metrics, registry, source } = this.#parts;
    if (registry.busy !== undefined) return;
    try {
      const selected = await source.poll();
      const found = stateOf(selected);
      if (found === this.#settled) return;
      if (!selected.complete) {
        // It is probably being uploaded: metadata.json comes last.
        logger.warn(
          { event: 'version_incomplete', version: selected.version },
          `${selected.version} is selected, but not all of its files are in the store yet`,
        );
        this.#settled = found;
        return;
      }
      await registry.follow(selected, 'poll');
      this.#settled = found;
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      metrics.pollFailed();
      if (isRefusal(error) && !(error instanceof LightscoreError && error.code === 'LOAD_IN_PROGRESS')) this.#settle();
      logger.error(
        { event: 'poll_failed', err: error },
        `polling the store for another version failed: ${messageOf(error)}`,
      );
    }
  }

  #settle(): void {
    const { latest } = this.#parts.source;
    if (latest !== undefined) this.#settled = stateOf(latest);
  }

  #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener('abort', done);
    });
  }
}

const stateOf = ({ selection, fingerprint }: SelectedVersion): string => `${selection}\n${fingerprint}`;
