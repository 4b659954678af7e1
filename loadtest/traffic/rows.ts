/** Rows that look like the ones a model was made for: drawn from real ones, never the same twice. */
import type { Random } from '../../src/train/random.js';

export type Row = readonly (number | null)[];

/** Share of whole-numbered values taken from another row, and of all values that go missing. */
const EXCHANGED = 0.1;
const MISSING = 0.02;
/** How far a fractional value moves towards another row's. */
const DRIFT = 0.2;

/**
 * A smoothed bootstrap: each row is one of `examples`, with fractional values moved towards another example's and some
 * whole numbers (counts, flags, categories) exchanged, so that distributions and most dependencies stay.
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
