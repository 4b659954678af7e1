/** What is suspicious about a model, though it can be served. */
import type { Booster } from '../model/booster.js';

/** @returns sentences about the model, without the name of its file */
export function boosterWarnings({ trees, outputs }: Booster): string[] {
  const infinite = trees.findIndex(({ leafValue }) => !leafValue.every((value) => Number.isFinite(value)));
  if (infinite < 0) return [];
  const where = outputs === 1 ? `tree ${infinite}` : `tree ${infinite} (class ${infinite % outputs})`;
  return [
    `${where} has a leaf whose value is not a finite number, as a training that diverged leaves them: rows that ` +
      'reach it are refused, and the model has no SHAP values',
  ];
}
