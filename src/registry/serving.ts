/**
 * `Serving`, the models that answer requests, as one immutable value: a swap is one assignment of it. And the
 * assignment of requests to champion or challenger during an experiment.
 */
import type { ChallengerMode } from '../config/config.js';
import { FNV_OFFSET, finalized, fnv1a } from '../hash.js';
import type { ServedModel } from '../scoring/served-model.js';

export interface Experiment {
  readonly challenger: ServedModel;
  /**
   * `ab`: the challenger answers its share of the requests. `shadow`: the champion answers all requests, and the
   * challenger scores its share of them as well.
   */
  readonly mode: ChallengerMode;
  /** 0 to 1. */
  readonly share: number;
}

export interface Serving {
  readonly champion: ServedModel;
  /** The features of a request without names, in order; they include all features of champion and challenger. */
  readonly requestNames: readonly string[];
  readonly experiment: Experiment | undefined;
}

/**
 * Returns a function that tells whether a key is assigned to the challenger. On every server the same key gets the same
 * result as long as the challenger is the same, and a larger share removes no key. Another challenger gets other keys.
 * @param version the challenger's
 */
export function challengerAssignment(version: string, share: number): (key: string) => boolean {
  const start = fnv1a(FNV_OFFSET, `${version}\n`);
  const limit = share * 2 ** 32;
  return (key) => finalized(fnv1a(start, key)) < limit;
}
