/** Divides rows at random by a seed: into parts with equal shares of positives, or by undersampling. */
import { Random } from './random.js';

/** Number of negatives that undersampling keeps for each positive. */
export const UNDERSAMPLE_RATIO = 5;

/**
 * Divides rows into `parts` of equal size, each with the same share of positives, at random by seed.
 * @param labels 0 or 1, one per row
 * @returns the indices of the rows of each part, ascending
 */
export function stratifiedParts(labels: Float64Array, parts: number, seed: number): Int32Array[] {
  const random = new Random(seed);
  const partOf = new Int32Array(labels.length);
  // One counter for both classes, so that the sizes of the parts differ by at most one row.
  let next = 0;
  for (const wanted of [0, 1]) {
    for (const row of shuffled(random, labels, wanted)) partOf[row] = next++ % parts;
  }
  return Array.from({ length: parts }, (_, part) =>
    Int32Array.from(partOf.keys()).filter((row) => partOf[row] === part),
  );
}

/**
 * The indices of every positive and, for each, `UNDERSAMPLE_RATIO` negatives drawn at random by seed (all negatives
 * where there are fewer), ascending.
 */
export function undersampled(labels: Float64Array, seed: number): Int32Array {
  const positives = Int32Array.from(labels.keys()).filter((row) => labels[row] === 1);
  const negatives = shuffled(new Random(seed), labels, 0).subarray(0, positives.length * UNDERSAMPLE_RATIO);
  return Int32Array.from([...positives, ...negatives]).toSorted();
}

function shuffled(random: Random, labels: Float64Array, wanted: number): Uint32Array {
  const rows = Uint32Array.from(labels.keys()).filter((row) => labels[row] === wanted);
  random.shuffle(rows);
  return rows;
}
