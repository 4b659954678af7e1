/**
 * What answers requests, as one immutable value: a swap is one assignment of it. And who answers which request while an
 * experiment runs.
 */
import type { ChallengerMode } from '../config/config.js';
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

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over UTF-16 code units, from `state` on. */
function fnv1a(state: number, text: string): number {
  let hash = state;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash;
}

/** MurmurHash3's finalizer: FNV's upper bits hardly depend on a text's last letters. */
function finalized(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
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
