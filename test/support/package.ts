/** The package as users get it: packed by npm, and installed into folders of its own. */
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Finished } from './cli-process.js';
import { npm } from './npm.js';
import { projectRoot } from './project.js';

/** Where the code under test was compiled to: the `dist` of a package. */
const DIST = fileURLToPath(new URL('../..', import.meta.url));

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes with the process. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `lightscore-${name}-`));
  folders.push(folder);
  return folder;
}

/**
 * A tree with what of a checkout goes into a package.
 * @param options.built with what was compiled
 */
export function packableTree({ built }: { readonly built: boolean }): string {
  const folder = temporaryFolder('tree');
  for (const name of ['package.json', '.npmrc', 'README.md', 'LICENSE', 'CHANGELOG.md', '.gitignore'])
    if (existsSync(join(projectRoot, name))) cpSync(join(projectRoot, name), join(folder, name));
  if (built) cpSync(DIST, join(folder, 'dist'), { recursive: true });
  return folder;
}

/** Packs a tree, into `folder` or not at all. */
export async function pack(tree: string, folder?: string): Promise<Packed> {
  const options = folder === undefined ? ['--dry-run'] : ['--pack-destination', folder];
  const [packed]: readonly Packed[] = JSON.parse(await npm(['pack', '--json', ...options], tree));
  return packed;
}

/** An installation, in folders that hold nothing else. */
export class InstalledPackage {
  /** @param prefix as npm's: `bin` and `lib/node_modules` in it */
  constructor(readonly prefix: string) {}

  /** The folder that holds package.json. */
  get folder(): string {
    return join(this.prefix, 'lib/node_modules/lightscore');
  }

  /** The command `lightscore`, found on the PATH, in an empty folder. */
  command(args: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Promise<Finished> {
    return run('lightscore', args, { cwd: temporaryFolder('empty'), env: { ...this.environment, ...env }, input });
  }

  /** With nothing of this process but the PATH, the command's folder before it. */
  get environment(): NodeJS.ProcessEnv {
    return { PATH: [join(this.prefix, 'bin'), process.env['PATH']].join(delimiter) };
  }

  /** A project that has the package among its dependencies. */
  project(files: readonly string[] = []): string {
    const folder = temporaryFolder('project');
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(this.folder, join(folder, 'node_modules/lightscore'));
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      symlinkSync(join(projectRoot, file), join(folder, file));
    }
    return folder;
  }
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, env, input = '' }: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string },
): Promise<Finished> {
  const child = spawn(program, args, { cwd, env });
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

/**
 * Installs a tarball without npm's registry: its files as npm lays them out, and its production dependencies, which are
 * linked from this checkout.
 */
export async function installOffline(tarball: string): Promise<InstalledPackage> {
  const installed = new InstalledPackage(temporaryFolder('prefix'));
  const { folder, prefix } = installed;
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  mkdirSync(join(prefix, 'bin'));
  const { code, stderr } = await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', folder], { cwd: prefix });
  if (code !== 0) throw new Error(`tar: ${stderr}`);
  const manifest: Readonly<Record<'bin' | 'dependencies', Record<string, string>>> = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(projectRoot, 'node_modules', name), link);
  }
  for (const [name, file] of Object.entries(manifest.bin)) {
    symlinkSync(join('../lib/node_modules/lightscore', file), join(prefix, 'bin', name));
    chmodSync(join(folder, file), 0o755);
  }
  return installed;
}
