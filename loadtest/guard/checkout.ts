/** Two commits side by side: the working tree as it is, and another commit in a git work tree of its own. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Checkout } from '../servers/process.js';

/** Git-ignored: one work tree a commit, kept for the next run. */
const FOLDER = '.bench';
/** In a work tree's node_modules once all of them are installed. */
const INSTALLED = '.lightscore-bench';
const SHORT_HASH = 7;
/** Bytes of output that a command may have. */
const OUTPUT_BYTES = 64 * 1024 * 1024;

const run = promisify(execFile);

export const shortHash = (commit: string): string => commit.slice(0, SHORT_HASH);

function git(folder: string, ...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * @param name as git names commits: a hash or its first digits, a branch, a tag, HEAD~3
 * @returns the commit's whole hash, or undefined where the repository has no such commit
 */
export function resolveCommit(repository: string, name: string): string | undefined {
  // What begins with a dash would be an option of git's.
  if (name.startsWith('-')) return undefined;
  return git(repository, 'rev-parse', '--verify', '--quiet', `${name}^{commit}`);
}

/** The working tree, named by its commit and whether tracked files differ from it. */
export function workingTree(folder: string): Checkout {
  const commit = git(folder, 'rev-parse', 'HEAD');
  const changed = git(folder, 'status', '--porcelain', '--untracked-files=no') !== '';
  return { name: commit === undefined ? 'working tree' : `${shortHash(commit)}${changed ? ' + changes' : ''}`, folder };
}

/**
 * Checks `commit` out below `repository`, installs the dependencies of its own lockfile and builds it with its own
 * build. What an earlier run has done is not done again.
 * @param commit a whole hash
 * @throws Error with what git or npm said
 */
export async function otherCommit(
  repository: string,
  commit: string,
  progress: (line: string) => void,
): Promise<Checkout> {
  const folder = join(repository, FOLDER, commit);
  const name = shortHash(commit);
  if (git(folder, 'rev-parse', 'HEAD') !== commit || !existsSync(join(folder, '.git'))) {
    progress(`checking out ${name} to ${FOLDER}/${commit}`);
    rmSync(folder, { recursive: true, force: true });
    // A work tree whose folder somebody has removed is still registered.
    await command(repository, 'git', 'worktree', 'prune');
    await command(repository, 'git', 'worktree', 'add', '--quiet', '--detach', folder, commit);
  }
  const installed = join(folder, 'node_modules', INSTALLED);
  if (!existsSync(installed)) {
    progress(`installing the dependencies of ${name}`);
    await command(folder, 'npm', 'ci', '--include=dev', '--no-audit', '--no-fund', '--no-update-notifier');
    mkdirSync(dirname(installed), { recursive: true });
    writeFileSync(installed, '');
  }
  progress(`building ${name}, where that is not done`);
  await command(folder, 'npm', 'run', 'build');
  shareNativeLibrary(repository, folder);
  return { name, folder };
}

/**
 * Native LightGBM takes part in the self-check at a start where it is built, beside the installed packages. It takes
 * two minutes to build and is the same for every commit with the same version of it, so both use one.
 */
function shareNativeLibrary(repository: string, folder: string): void {
  const packages = join(repository, 'node_modules');
  if (!existsSync(packages)) return;
  const built = join(dirname(realpathSync(packages)), '.native');
  const link = join(folder, '.native');
  if (!existsSync(built) || existsSync(link)) return;
  // A link to what is no longer there.
  rmSync(link, { force: true });
  symlinkSync(built, link);
}

async function command(folder: string, name: string, ...args: readonly string[]): Promise<void> {
  try {
    await run(name, args, { cwd: folder, maxBuffer: OUTPUT_BYTES });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const reason = stderr.trim() === '' ? String(error) : stderr.trim();
    throw new Error(`${name} ${args.slice(0, 2).join(' ')} failed in ${folder}: ${reason}`, { cause: error });
  }
}
