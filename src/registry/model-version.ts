/** A version in the registry, with its state from the first request to load it until its memory is freed. */
import type { ServedModel } from '../scoring/served-model.js';
import type { LoadedImage } from '../loading/messages.js';

/**
 *     loading -> verified -> warm <-> active      active: champion or challenger
 *        |          |          '-> draining -> retired
 *        '----------'-> failed                   draining: its last batches are in flight
 */
export const MODEL_STATES = ['loading', 'verified', 'warm', 'active', 'draining', 'retired', 'failed'] as const;
export type ModelState = (typeof MODEL_STATES)[number];

export class ModelVersion {
  state: ModelState = 'loading';
  /** Why the load failed. */
  reason: string | undefined;
  readonly startedAt = new Date();
  readonly #started = performance.now();
  /** Milliseconds from the start of the load until it was warm. */
  loadMs: number | undefined;
  loaded: LoadedImage | undefined;
  model: ServedModel | undefined;
  /** The features of requests while it is champion, or was; undefined if it never was. */
  requestNames: readonly string[] | undefined;
  /** Loaded for later use: it stays in memory without a role until it is used or deleted. */
  staged = false;

  /** @param generation number of the load in this process; the same version may be loaded several times */
  constructor(
    readonly generation: number,
    readonly version: string,
    readonly actor: string,
  ) {}

  verified(loaded: LoadedImage): void {
    this.loaded = loaded;
    this.state = 'verified';
  }

  warm(model: ServedModel): void {
    this.model = model;
    this.state = 'warm';
    this.loadMs = Math.round(performance.now() - this.#started);
  }

  failed(reason: string): void {
    this.state = 'failed';
    this.reason = reason;
  }

  /** Whether it can serve at once. */
  get isReady(): boolean {
    return this.state === 'warm' || this.state === 'active';
  }

  /** @param whenRetired called when its last batch has returned and its memory is freed */
  retire(whenRetired: () => void): void {
    this.state = 'draining';
    this.model?.retire(() => {
      this.state = 'retired';
      this.model = undefined;
      whenRetired();
    });
  }
}
