/** The folder of the checkout. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of the checkout, found from this file upwards (`dist` carries a copy of package.json, without the tests'
 * data beside it).
 */
export const projectRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'test/data'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('no folder above the tests holds package.json and test/data');
  return findRoot(parent);
}
