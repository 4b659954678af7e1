/** A version as the registry keeps it: where it stands between the store and its end. */
import type { ServedModel } from '../scoring/served-model.js';
import type { LoadedImage } from '../loading/messages.js';

/**
 *     loading -> verified -> warm <-> active      active: champion or challenger
 *        |          |          '-> draining -> retired
 *        '----------'-> failed                   draining: its last batches are on the way
 */
export type ModelState = 'loading' | 'verified' | 'warm' | 'active' | 'draining' | 'retired' | 'failed';

export class ModelVersion {
  state: ModelState = 'loading';
  /** Why it failed. */
  reason: string | undefined;
  readonly startedAt = new Date();
  readonly #started = performance.now();
  /** From the request to the store until it was warm. */
  loadMs: number | undefined;
  loaded: LoadedImage | undefined;
  model: ServedModel | undefined;
  /** Once it was champion: what requests without names carry then. */
  requestNames: readonly string[] | undefined;
  /** Asked for by name and not live yet: stays in memory until it is used or deleted. */
  staged = false;

  /** @param generation counts the loads of this process: the same version may be loaded again */
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

  /** In memory, and able to serve at once. */
  get isReady(): boolean {
    return this.state === 'warm' || this.state === 'active';
  }

  /** @param whenRetired called when its last batch has returned and its memory is free */
  retire(whenRetired: () => void): void {
    this.state = 'draining';
    this.model?.retire(() => {
      this.state = 'retired';
      this.model = undefined;
      whenRetired();
    });
  }
}
