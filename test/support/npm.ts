/** npm, as the tests run it: in a process of its own. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Need } from './needs.js';

const run = promisify(execFile);

/**
 * Runs npm to its end.
 * @returns its standard output
 * @throws Error with its standard error
 */
export async function npm(args: readonly string[], cwd: string): Promise<string> {
  // npm would ask the registry for a newer npm.
  const env = { ...process.env, NPM_CONFIG_UPDATE_NOTIFIER: 'false' };
  const { stdout } = await run('npm', args, { cwd, env, maxBuffer: 64 << 20 });
  return stdout;
}

/** npm's registry, asked once for a package that this project depends on. */
export const REGISTRY: Need = () => (unreachable ??= askRegistry()) || undefined;

let unreachable: string | undefined;

function askRegistry(): string {
  const options = ['--fetch-retries=0', '--fetch-timeout=10000', '--prefer-online'];
  const { error, status } = spawnSync('npm', ['view', 'commander@14.0.3', 'version', ...options], { stdio: 'ignore' });
  return error === undefined && status === 0 ? '' : "npm's registry cannot be reached";
}

const nodes = new Map<number, string>();

/** The path of a Node, by the package of npm's registry that carries its binary. */
export function nodeFromNpm(version: number): string {
  const known = nodes.get(version);
  if (known !== undefined) return known;
  const node = `node-linux-${process.arch}@${version}`;
  const args = ['exec', '--yes', `--package=${node}`, '--', 'node', '-p', 'process.execPath'];
  const output = execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const path = output.trim().split('\n').at(-1) ?? '';
  nodes.set(version, path);
  return path;
}
