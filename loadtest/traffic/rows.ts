/** Draws rows like those that a model was made for, from example rows. */
import type { Random } from '../../src/train/random.js';

export type Row = readonly (number | null)[];

/** The share of whole-numbered values that are taken from another row. */
const EXCHANGED = 0.1;
/** The share of values that are made missing. */
const MISSING = 0.02;
/** The largest share of the distance by which a fractional value moves towards another row's. */
const MAX_DRIFT = 0.2;

/**
 * A smoothed bootstrap: each row is one of `examples`, with fractional values moved towards another example's and some
 * whole numbers (counts, flags, categories) exchanged, which keeps distributions and most dependencies.
 *
 * @param examples at least one, all of the same length
 */
export function drawRow(random: Random, examples: readonly Row[]): Row {
  const base = examples[random.below(examples.length)];
  const other = examples[random.below(examples.length)];
  return base.map((value, feature) => {
    if (random.chance(MISSING)) return null;
    const next = other[feature];
    if (value === null || next === null) return value;
    if (Number.isInteger(value)) return random.chance(EXCHANGED) ? next : value;
    return value + MAX_DRIFT * random.uniform() * (next - value);
  });
}
