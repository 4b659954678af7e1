/** The answers of LightGBM and scikit-learn that tests compare with. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './project.js';

/** What LightGBM and scikit-learn answer for `models/v1.0.0`: one entry a row throughout. */
export interface Golden {
  readonly feature_names: readonly string[];
  readonly rows: readonly (readonly (number | null)[])[];
  readonly raw_score: readonly number[];
  readonly probability: readonly number[];
  readonly calibrated: readonly number[];
  readonly split_importance: readonly number[];
  /** SHAP values of the first rows; the expected value comes last. */
  readonly contributions: readonly (readonly number[])[];
}

export function readGolden(): Golden {
  const golden: Golden = JSON.parse(readFileSync(join(projectRoot, 'test/data/golden.v1.0.0.json'), 'utf8'));
  return golden;
}

/** Whether two numbers differ by at most 1e-12 of the larger. */
export function close(actual: number, expected: number): boolean {
  return Math.abs(actual - expected) <= 1e-12 * Math.max(Math.abs(actual), Math.abs(expected));
}

/** Calls `task` with 0, 1, ... `count` - 1, so many of them at a time. */
export async function inParallel(count: number, width: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await task(index);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, run));
}
