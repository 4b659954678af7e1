/**
 * The models that answer requests, as one immutable value that a swap replaces in one assignment; and which requests
 * the challenger of an experiment gets.
 */
import type { ChallengerMode } from '../config/config.js';
import { FNV_OFFSET, finalized, fnv1a } from '../hash.js';
import type { ServedModel } from '../scoring/served-model.js';

export interface Experiment {
  readonly challenger: ServedModel;
  /**
   * `ab`: the challenger answers its share. `shadow`: the champion answers all requests, and the challenger scores its
   * share of them as well.
   */
  readonly mode: ChallengerMode;
  /** 0 to 1. */
  readonly share: number;
}

export interface Serving {
  readonly champion: ServedModel;
  /** The features of a request without names, in order; they include every feature of champion and challenger. */
  readonly requestNames: readonly string[];
  readonly experiment: Experiment | undefined;
}

/**
 * Returns a function that says whether a key belongs to the challenger. The result depends on key and challenger only,
 * so it is the same on every server. A larger share includes the keys of a smaller one. Another challenger gets other
 * keys.
 * @param version the challenger's
 */
export function challengerDraw(version: string, share: number): (key: string) => boolean {
  const start = fnv1a(FNV_OFFSET, `${version}\n`);
  const limit = share * 2 ** 32;
  return (key) => finalized(fnv1a(start, key)) < limit;
}
