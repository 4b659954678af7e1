/** The names that versions may have. */
import { METADATA_FILE } from '../artifact/files.js';
import { modelCandidates, modelIn } from '../artifact/found-files.js';
import { VERSION_NAME_PATTERN } from '../contract/schemas.js';
import { quote } from '../quote.js';

const VERSION_NAME = new RegExp(VERSION_NAME_PATTERN);

/**
 * Whether a folder's name is a version: letters, digits and ._+- after a first letter or digit, so that it cannot lead
 * out of the store.
 */
export function isVersionName(name: string): boolean {
  return VERSION_NAME.test(name);
}

const MAX_LISTED = 5;

/**
 * What explains that a place has no versions, as the end of a sentence.
 * @param files names of the files in it
 * @param folders names of the folders in it
 */
export function whyNoVersions(files: readonly string[], folders: readonly string[]): string | undefined {
  if (files.includes(METADATA_FILE) || modelIn(files) !== undefined)
    return 'it looks like a version itself: name the folder above it, or serve it as MODEL_PATH';
  const candidates = modelCandidates(files);
  if (candidates.length > 1)
    return `${candidates.slice(0, MAX_LISTED).join(', ')} could each be the model: name one of them`;
  const ignored = folders.filter((name) => !isVersionName(name));
  if (ignored.length === 0) return undefined;
  const listed = ignored.slice(0, MAX_LISTED).map((name) => quote(name));
  const rest = ignored.length > MAX_LISTED ? ` and ${ignored.length - MAX_LISTED} more` : '';
  return `${listed.join(', ')}${rest} cannot be one: a name is letters, digits and ._+- after a letter or digit`;
}
