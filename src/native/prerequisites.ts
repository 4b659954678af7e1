/** What the commands that call native LightGBM need beside this package, checked before they begin. */
import { LightscoreError } from '../errors.js';
import { installCommand, missingPackages } from '../installation.js';
import { inWords } from '../quote.js';
import { missingForBuild } from './build.js';

const NATIVE_PACKAGES = ['lightgbm', 'koffi'] as const;

/**
 * Says in one line what is missing and how to get it, with what the build will need after that. Where only the latter
 * is missing, the build says so itself.
 * @param command as the user typed it
 * @param packages that it needs beside those of native LightGBM
 * @throws LightscoreError NATIVE_UNAVAILABLE
 */
export function checkPackages(command: string, packages: readonly string[] = []): void {
  const missing = missingPackages([...NATIVE_PACKAGES, ...packages]);
  if (missing.length === 0) return;
  const needed = `${inWords(missing)}, not installed here (${installCommand(missing)})`;
  const tools = missingForBuild();
  const build = `cmake and a C++ compiler${tools === undefined ? '' : `: ${tools}`}`;
  throw new LightscoreError(
    'NATIVE_UNAVAILABLE',
    `${command} needs ${needed}; the first run builds LightGBM in two minutes, with ${build}`,
  );
}
