/** The names that versions may have. */
import { VERSION_NAME_PATTERN } from '../contract/schemas.js';

const VERSION_NAME = new RegExp(VERSION_NAME_PATTERN);

/**
 * Whether a folder's name is a version: letters, digits and ._+- after a first letter or digit, so that it cannot lead
 * out of the store.
 */
export function isVersionName(name: string): boolean {
  return VERSION_NAME.test(name);
}
