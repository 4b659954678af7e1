/** Random rows of a model's distribution, drawn from example rows. */
import type { Random } from '../../src/train/random.js';

export type Row = readonly (number | null)[];

/** Share of the whole-numbered values that are taken from another row, and of all values that are made missing. */
const EXCHANGED = 0.1;
const MISSING = 0.02;
/** The largest fraction of the distance by which a fractional value moves towards another row's. */
const DRIFT = 0.2;

/**
 * Draws a row by a smoothed bootstrap: one of `examples`, with fractional values moved towards another example's and
 * some whole numbers (counts, flags, categories) exchanged, so that distributions and most dependencies are kept.
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
    return value + DRIFT * random.uniform() * (next - value);
  });
}
