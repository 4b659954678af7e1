/** One load of a version, and its state from loading to retirement. */
import type { ServedModel } from '../scoring/served-model.js';
import type { LoadedImage } from '../loading/messages.js';

/**
 *     loading -> verified -> warm <-> active      active: champion or challenger
 *        |          |          '-> draining -> retired
 *        '----------'-> failed                   draining: its last batches are being scored
 */
export type ModelState = 'loading' | 'verified' | 'warm' | 'active' | 'draining' | 'retired' | 'failed';

export class ModelVersion {
  state: ModelState = 'loading';
  /** Why the load failed. */
  reason: string | undefined;
  readonly startedAt = new Date();
  readonly #started = performance.now();
  /** Duration of the load, until the model was warm. */
  loadMs: number | undefined;
  loaded: LoadedImage | undefined;
  model: ServedModel | undefined;
  /** The features of requests without names while this version is champion; undefined before it is. */
  requestNames: readonly string[] | undefined;
  /** Loaded by an explicit request and not used yet: stays in memory until it is used or deleted. */
  staged = false;
  readonly version: string;
  readonly actor: string;
  /** Counts the loads of this process, as the same version may be loaded again. */
  readonly generation: number;

  constructor({ version, actor, generation }: Pick<ModelVersion, 'version' | 'actor' | 'generation'>) {
    this.version = version;
    this.actor = actor;
    this.generation = generation;
  }

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

  /** Whether it is in memory and can serve at once. */
  get isReady(): boolean {
    return this.state === 'warm' || this.state === 'active';
  }

  /** @param onRetired called when its last batch has returned and its memory is free */
  retire(onRetired: () => void): void {
    this.state = 'draining';
    this.model?.retire(() => {
      this.state = 'retired';
      this.model = undefined;
      onRetired();
    });
  }
}
