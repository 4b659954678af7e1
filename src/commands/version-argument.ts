/** The name of a version, as an argument of a command. */
import { InvalidArgumentError } from 'commander';
import { isVersionName } from '../store/version-name.js';

/** @throws InvalidArgumentError for `..`, say, which would be another path */
export function versionArgument(text: string): string {
  if (isVersionName(text)) return text;
  throw new InvalidArgumentError('It must be the name of a version, such as v1.2.0.');
}
