/** Native LightGBM for tests, which are skipped by name where it cannot be. */
import { existsSync } from 'node:fs';

import { LightscoreError } from '../../src/errors.js';
import { findLightGBMSource, missingForBuild } from '../../src/native/build.js';

export { type LightGBM, openLightGBM } from '../../src/native/lightgbm.js';

/**
 * node:test options for a test that needs native LightGBM: `test(name, needsNative(), async () => { const lightgbm =
 * await openLightGBM(); ... })`.
 *
 * Where LightGBM is neither built nor can be, the test is skipped with the reason. With CI=true it is not: it runs, and
 * fails with that reason.
 */
export function needsNative(): { skip?: string } {
  if (process.env['CI'] === 'true') return {};
  const missing = missingHere();
  return missing === undefined ? {} : { skip: missing };
}

function missingHere(): string | undefined {
  try {
    if (existsSync(findLightGBMSource().library)) return undefined;
  } catch (error) {
    if (error instanceof LightscoreError) return error.message;
    throw error;
  }
  const missing = missingForBuild();
  return missing === undefined ? undefined : `native LightGBM is not built: ${missing}`;
}
