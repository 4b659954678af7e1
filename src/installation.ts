/**
 * How this copy of Lightscore was installed, and how it gets the packages that only some commands need: peer
 * dependencies of package.json, all of them optional, since nothing that serves or scores loads them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json and dist. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

/** Whether this is an installed package, and not a checkout with its development dependencies. */
export const isPackage: boolean = basename(dirname(ROOT)) === 'node_modules';

/** Those of `names` that are not installed where this copy would find them. */
export function missingPackages(names: readonly string[]): string[] {
  const { resolve } = createRequire(import.meta.url);
  return names.filter(
    (name) => !(resolve.paths(name) ?? []).some((folder) => existsSync(join(folder, name, 'package.json'))),
  );
}

/** A command that installs `names` where this copy finds them, each in the version that it was tested with. */
export function installCommand(names: readonly string[]): string {
  if (!isPackage) return 'npm ci --include=dev';
  const { devDependencies: tested } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const versions = names.map((name) => `${name}@${tested[name]}`);
  // The install script of lightgbm would compile a binding that is not used here.
  return `npm install ${place()}--ignore-scripts ${versions.join(' ')}`;
}

/** npm's options for the node_modules that this package is in: none for a project's, else the global one's. */
function place(): string {
  const above = join(dirname(ROOT), '..');
  if (existsSync(join(above, 'package.json'))) return '';
  const prefix = basename(above) === 'lib' ? dirname(above) : above;
  const isDefault = prefix === dirname(dirname(process.execPath)) || prefix === dirname(process.execPath);
  return isDefault ? '--global ' : `--global --prefix ${prefix} `;
}
