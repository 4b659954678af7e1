/**
 * Follows the artifact store: makes the first load, retrying while the store is unreachable; starts the challenger that
 * the settings name; and checks the store regularly for another version.
 */
import type { Config } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import { NoCompleteVersion } from '../store/versions.js';
import type { Logger } from '../telemetry/log.js';
import type { Metrics } from '../telemetry/metrics.js';
import { type ModelRegistry, isRefusal } from './registry.js';
import type { VersionSource } from './source.js';

const RETRY_MS = { initial: 500, max: 15_000 } as const;
/** Varies the polling interval by up to this share, so that servers which started together do not poll together. */
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
  /** What the last check found, if it needs no further attempt. */
  #handled = '';

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /**
   * Serves the version that settings and store name. Retries while the store is unreachable, or, where it is polled,
   * empty, until `stop`.
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND if a retry would not help
   */
  async start(): Promise<void> {
    const { models, registry } = this.#parts;
    await this.#withRetries(async () => {
      if (registry.serving === undefined) await registry.reload('start');
    });
    this.#markHandled();
    if (models.challenger !== undefined) void this.#startChallenger(models.challenger);
    if (models.pollSeconds > 0) void this.#poll(models.pollSeconds);
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Without its challenger the server still serves the champion, so a failure is only logged. */
  async #startChallenger(challenger: NonNullable<Config['models']['challenger']>): Promise<void> {
    const { logger, registry } = this.#parts;
    try {
      await this.#withRetries(async () => {
        await registry.startExperiment(challenger, 'start');
      });
    } catch (error) {
      logger.error(
        { event: 'challenger_failed', version: challenger.version, err: error },
        `the challenger ${challenger.version} could not be started: ${messageOf(error)}`,
      );
    }
  }

  async #withRetries(attempt: () => Promise<void>): Promise<void> {
    const { initial, max } = RETRY_MS;
    for (let wait: number = initial; !this.#stopped.signal.aborted; wait = Math.min(2 * wait, max)) {
      try {
        // Each attempt is audited. So it is repeated only when the store answers again: an outage makes one entry, not
        // one every 15 s.
        if (wait > initial) await this.#parts.source.refresh();
        await attempt();
        return;
      } catch (error) {
        const event = this.#temporary(error);
        if (event === undefined || this.#stopped.signal.aborted) throw error;
        this.#parts.logger.error({ event, retry_ms: wait }, messageOf(error));
        await this.#pause(wait);
      }
    }
  }

  /** The event of a failure that may pass; undefined where a retry would not help. */
  #temporary(error: unknown): string | undefined {
    if (!(error instanceof LightscoreError)) return undefined;
    if (error.code === 'STORE_UNREACHABLE') return 'store_unreachable';
    if (error.code === 'LOAD_IN_PROGRESS') return 'load_in_progress';
    // A server that polls may be there before its first model is.
    return error instanceof NoCompleteVersion && this.#parts.models.pollSeconds > 0 ? 'store_empty' : undefined;
  }

  async #poll(seconds: number): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#pause(seconds * 1000 * (1 + JITTER * (2 * Math.random() - 1)));
      if (!this.#stopped.signal.aborted) await this.#check();
    }
  }

  /**
   * Serves the version that the store names, if that has changed since the last check; so a version that an operator
   * activated stays active until then. A refused version is not tried again until something changes; a failed load is.
   */
  async #check(): Promise<void> {
    const { logger, metrics, registry, source } = this.#parts;
    if (registry.busy !== undefined) return;
    try {
      const named = await source.refresh();
      const found = `${named.naming}\n${named.fingerprint}`;
      if (found === this.#handled) {
        metrics.pollSucceeded();
        return;
      }
      if (named.missing?.length !== 0) {
        // The upload is not finished, as metadata.json is written last, or the name is wrong.
        const why =
          named.missing === undefined ? 'does not exist' : `is not complete: no ${named.missing.join(', no ')}`;
        logger.warn({ event: 'version_incomplete', version: named.version }, `${named.version} is named, but ${why}`);
        this.#handled = found;
        metrics.pollSucceeded();
        return;
      }
      await registry.follow(named, 'poll');
      this.#handled = found;
      metrics.pollSucceeded();
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      metrics.pollFailed();
      const isLoading = error instanceof LightscoreError && error.code === 'LOAD_IN_PROGRESS';
      if (isRefusal(error) && !isLoading) this.#markHandled();
      logger.error({ event: 'poll_failed', err: error }, `could not update from the store: ${messageOf(error)}`);
    }
  }

  #markHandled(): void {
    const { latest } = this.#parts.source;
    if (latest !== undefined) this.#handled = `${latest.naming}\n${latest.fingerprint}`;
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
