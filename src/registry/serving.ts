/**
 * What answers requests, as one immutable value: a swap is one assignment of it. And who answers which request while an
 * experiment runs.
 */
import type { ChallengerMode } from '../config/config.js';
import { FNV_OFFSET, finalized, fnv1a } from '../hash.js';
import type { ServedModel } from '../scoring/served-model.js';

export interface Experiment {
  readonly challenger: ServedModel;
  /**
   * `ab`: the challenger answers its share. `shadow`: the champion answers all, and the challenger scores its share as
   * well.
   */
  readonly mode: ChallengerMode;
  /** 0 to 1. */
  readonly share: number;
}

export interface Serving {
  readonly champion: ServedModel;
  /** What the values of a request without names are, in their order; holds every name of champion and challenger. */
  readonly requestNames: readonly string[];
  readonly experiment: Experiment | undefined;
}

/**
 * Whether a key belongs to the challenger: the same answer for the same key as long as the challenger is the same, on
 * every server; and a larger share takes nobody out. Another challenger draws anew.
 * @param version the challenger's
 */
export function challengerDraw(version: string, share: number): (key: string) => boolean {
  const start = fnv1a(FNV_OFFSET, `${version}\n`);
  const limit = share * 2 ** 32;
  return (key) => finalized(fnv1a(start, key)) < limit;
}
