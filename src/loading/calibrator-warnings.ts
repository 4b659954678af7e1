/** What is suspicious about a calibrator, now that its model is known. */
import type { Calibrator } from '../artifact/calibrator.js';
import type { Booster } from '../model/booster.js';

/**
 * @param file the calibrator's, for messages
 * @returns sentences, each naming `file`
 */
export function suspicionsOf(calibrator: Calibrator | undefined, booster: Booster, file: string): string[] {
  // Only probabilities have known ends.
  if (calibrator?.type !== 'isotonic' || booster.objective.transform !== 'sigmoid') return [];
  const { input, x, y } = calibrator;
  const warnings: string[] = [];
  if (input === 'probability' && isOutside(x))
    warnings.push(
      `${file}: its thresholds run from ${x[0]} to ${x[x.length - 1]}, and it is applied to probabilities. If it ` +
        'was fitted on raw scores, say so: "calibrator_input": "raw" in metadata.json',
    );
  if (isOutside(y))
    warnings.push(`${file}: it answers from ${y[0]} to ${y[y.length - 1]}: such scores are not probabilities`);
  return warnings;
}

/** Whether ascending or descending values leave 0 to 1. */
function isOutside(values: Float64Array): boolean {
  const [first, last] = [values[0], values[values.length - 1]];
  return Math.min(first, last) < 0 || Math.max(first, last) > 1;
}
