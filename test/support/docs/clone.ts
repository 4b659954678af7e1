/** The clones that pages start in, made of this checkout as it is, and the environment of a reader's shell. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { projectRoot } from '../project.js';

/** What a shell on any machine has, and how this one reaches the registries. */
const INHERITED = /^(LANG|LC_\w+|TERM|USER|LOGNAME|SHELL|TMPDIR|TZ|PIP_\w+|\w*(CERT|CA_)\w*|\w*_proxy)$/i;

function run(command: string, args: readonly string[], cwd = projectRoot): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/**
 * An empty clone: what git has of this checkout, with the changes that are not committed yet. Native LightGBM, which
 * takes two minutes to build, is there where this checkout has it.
 * @returns the folder, `lightscore` in the home folder
 */
export function emptyClone(home: string): string {
  const folder = join(home, 'lightscore');
  run('git', ['clone', '--quiet', projectRoot, folder]);
  const list = (...args: readonly string[]): readonly string[] => run('git', args).split('\0').filter(Boolean);
  const changed = list('diff', '--name-only', '--no-renames', '-z', 'HEAD');
  const added = list('ls-files', '--others', '--exclude-standard', '-z');
  for (const file of [...changed, ...added]) {
    const source = join(projectRoot, file);
    rmSync(join(folder, file), { force: true });
    // A link, such as to installed packages, is this checkout's own.
    if (!existsSync(source) || lstatSync(source).isSymbolicLink()) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(source, join(folder, file));
  }
  const native = join(projectRoot, '.native');
  if (existsSync(native)) symlinkSync(native, join(folder, '.native'));
  return folder;
}

/** A clone after the set-up of the README: installed, built, and linked by npm. */
export function preparedClone(home: string): string {
  const folder = emptyClone(home);
  copyPackages(join(folder, 'node_modules'));
  cpSync(join(projectRoot, 'dist'), join(folder, 'dist'), { recursive: true });
  // Newer than the sources: nothing has to be built again.
  const now = new Date();
  for (const stamp of ['.kernel', '.server']) utimesSync(join(folder, 'dist', stamp), now, now);
  const prefix = prefixOf(home);
  mkdirSync(join(prefix, 'lib/node_modules'), { recursive: true });
  mkdirSync(join(prefix, 'bin'), { recursive: true });
  symlinkSync(folder, join(prefix, 'lib/node_modules/lightscore'));
  symlinkSync('../lib/node_modules/lightscore/dist/src/cli.js', join(prefix, 'bin/lightscore'));
  return folder;
}

/** As hard links where that is possible: the packages take 750 MB. */
function copyPackages(folder: string): void {
  const installed = realpathSync(join(projectRoot, 'node_modules'));
  mkdirSync(folder);
  if (statSync(installed).dev !== statSync(folder).dev) return void run('cp', ['-a', `${installed}/.`, folder]);
  run('cp', ['-a', '--link', `${installed}/.`, folder]);
  // npm replaces files instead of writing into them, but for its own list.
  const list = '.package-lock.json';
  rmSync(join(folder, list));
  copyFileSync(join(installed, list), join(folder, list));
}

/** npm's folder for what is installed for all users. */
const prefixOf = (home: string): string => join(home, '.npm-global');

/** The environment of a reader's shell: npm's cache is this machine's, its global folder the reader's own. */
export function readerEnvironment(home: string): Readonly<Record<string, string | undefined>> {
  const inherited = Object.entries(process.env).filter(([name]) => INHERITED.test(name));
  const python = process.env['LIGHTSCORE_BENCH_PYTHON'];
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    // npm puts them before the path of its scripts.
    .filter((folder) => !/node_modules\/\.bin$|node-gyp-bin$/.test(folder));
  return {
    ...Object.fromEntries(inherited),
    PATH: [join(prefixOf(home), 'bin'), ...(python === undefined ? [] : [dirname(python)]), ...path].join(delimiter),
    npm_config_prefix: prefixOf(home),
    npm_config_cache: process.env['npm_config_cache'] ?? join(homedir(), '.npm'),
    npm_config_userconfig: process.env['npm_config_userconfig'] ?? join(homedir(), '.npmrc'),
    npm_config_update_notifier: 'false',
    npm_config_prefer_offline: 'true',
  };
}
