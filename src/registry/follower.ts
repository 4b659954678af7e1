/**
 * Follows the store: the first load, with patience; the challenger of the settings; and the regular look for something
 * new.
 */
import type { Config } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import type { Logger } from '../telemetry/log.js';
import type { Metrics } from '../telemetry/metrics.js';
import { type ModelRegistry, isRefusal } from './registry.js';
import type { VersionSource } from './source.js';

const RETRY_MS = { first: 500, most: 15_000 } as const;
/** Servers that were started together spread their looks at the store by this share of the interval, either way. */
const JITTER = 0.1;

export class StoreFollower {
  readonly #stopped = new AbortController();
  /** What the last look found and needs no second try. */
  #settled = '';

  constructor(
    private readonly models: Config['models'],
    private readonly registry: ModelRegistry,
    private readonly source: VersionSource,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  /**
   * Serves the version that settings and store name. A store that cannot be reached is tried again until it can, or
   * until `stop`.
   * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND: trying again would not help
   */
  async start(): Promise<void> {
    await this.#patiently(async () => {
      if (this.registry.serving === undefined) await this.registry.reload('start');
    });
    this.#settle();
    if (this.models.challenger !== undefined) void this.#startChallenger(this.models.challenger);
    if (this.models.pollSeconds > 0) void this.#poll(this.models.pollSeconds);
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** A challenger that cannot be had is no reason not to serve. */
  async #startChallenger(challenger: NonNullable<Config['models']['challenger']>): Promise<void> {
    try {
      await this.#patiently(async () => {
        await this.registry.startExperiment(challenger, 'start');
      });
    } catch (error) {
      this.logger.error(
        { event: 'challenger_failed', version: challenger.version, err: error },
        `the challenger ${challenger.version} does not run: ${messageOf(error)}`,
      );
    }
  }

  async #patiently(attempt: () => Promise<void>): Promise<void> {
    for (let wait: number = RETRY_MS.first; !this.#stopped.signal.aborted; wait = Math.min(2 * wait, RETRY_MS.most)) {
      try {
        // The attempt is audited, so it is not made again before the store answers: an outage is one entry, not one
        // every 15 s.
        if (wait > RETRY_MS.first) await this.source.look();
        await attempt();
        return;
      } catch (error) {
        const waits =
          error instanceof LightscoreError && (error.code === 'STORE_UNREACHABLE' || error.code === 'LOAD_IN_PROGRESS');
        if (!waits || this.#stopped.signal.aborted) throw error;
        this.logger.error(
          { event: error.code === 'STORE_UNREACHABLE' ? 'store_unreachable' : 'load_in_progress', retry_ms: wait },
          error.message,
        );
        await this.#pause(wait);
      }
    }
  }

  async #poll(seconds: number): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#pause(seconds * 1000 * (1 + JITTER * (2 * Math.random() - 1)));
      if (!this.#stopped.signal.aborted) await this.#look();
    }
  }

  /**
   * Follows what the store names, where that has changed since the last look: so an operator's own choice stands until
   * then. What was refused is not tried again as long as nothing changes; what failed is.
   */
  async #look(): Promise<void> {
    if (this.registry.busy !== undefined) return;
    try {
      const named = await this.source.look();
      const found = `${named.naming}\n${named.fingerprint}`;
      if (found === this.#settled) return;
      if (!named.complete) {
        // On its way: metadata.json comes last.
        this.logger.warn(
          { event: 'version_incomplete', version: named.version },
          `${named.version} is named but not complete yet`,
        );
        this.#settled = found;
        return;
      }
      await this.registry.follow(named, 'poll');
      this.#settled = found;
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      this.metrics.pollFailed();
      if (isRefusal(error) && !(error instanceof LightscoreError && error.code === 'LOAD_IN_PROGRESS')) this.#settle();
      this.logger.error({ event: 'poll_failed', err: error }, `looking for another version: ${messageOf(error)}`);
    }
  }

  #settle(): void {
    const { latest } = this.source;
    if (latest !== undefined) this.#settled = `${latest.naming}\n${latest.fingerprint}`;
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
