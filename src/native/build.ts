/** Building LightGBM's shared library from the source in the npm package `lightgbm`. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { LightscoreError, messageOf } from '../errors.js';
import { installCommand, isPackage } from '../installation.js';
import { withBuildLock } from './build-lock.js';

/** LightGBM's C++ source in the npm package `lightgbm`, and the path of the library that is built from it. */
export interface LightGBMSource {
  readonly folder: string;
  /** LightGBM's own version, such as `4.1.0.99`. */
  readonly version: string;
  readonly library: string;
}

/**
 * -ffp-contract=off: on arm64 compilers fuse a*b+c by default, which would change the last bit of linear leaves and
 * SHAP values. CMAKE_POLICY_VERSION_MINIMUM: CMake 4 refuses the project's `cmake_minimum_required(3.0)` without it.
 */
const CMAKE_OPTIONS = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DUSE_OPENMP=ON',
  '-DBUILD_CLI=OFF',
  '-DINSTALL_HEADERS=OFF',
  '-DCMAKE_CXX_FLAGS=-ffp-contract=off',
  '-DCMAKE_POLICY_VERSION_MINIMUM=3.5',
];

const LIBRARY_FILE = process.platform === 'win32' ? 'lib_lightgbm.dll' : 'lib_lightgbm.so';

/** @throws LightscoreError NATIVE_UNAVAILABLE if the package is not installed */
export function findLightGBMSource(): LightGBMSource {
  const manifest = resolvePackage('lightgbm/package.json');
  if (manifest === undefined) {
    throw unavailable(`the package lightgbm is not installed (${installCommand(['lightgbm'])})`);
  }
  const folder = join(dirname(manifest), 'dependencies/LightGBM');
  const versionFile = join(folder, 'VERSION.txt');
  if (!existsSync(versionFile)) throw unavailable(`${folder} does not contain LightGBM's source`);
  const version = readFileSync(versionFile, 'utf8').trim();
  const hash = createHash('sha256')
    .update(JSON.stringify([readFileSync(manifest, 'utf8'), version, CMAKE_OPTIONS]))
    .digest('hex')
    .slice(0, 12);
  return {
    folder,
    version,
    library: join(
      buildFolder(manifest),
      `lightgbm-${version}-${process.platform}-${process.arch}-${hash}`,
      LIBRARY_FILE,
    ),
  };
}

/**
 * Where the library is built and kept: beside the packages of a checkout, else in the user's cache, because an
 * installed package may belong to root, and goes with the next version.
 */
function buildFolder(manifest: string): string {
  if (!isPackage) return resolve(dirname(manifest), '../../.native');
  const cache = process.env['XDG_CACHE_HOME'];
  // The specification of XDG has a relative path ignored.
  if (cache !== undefined && isAbsolute(cache)) return join(cache, 'lightscore');
  try {
    return join(homedir(), '.cache/lightscore');
  } catch (error) {
    throw unavailable('this user has no home folder to build it in; set XDG_CACHE_HOME', error);
  }
}

/** What a build needs and this machine lacks, as one line; undefined if nothing. Looks only, changes nothing. */
export function missingForBuild(): string | undefined {
  const cxx = process.env['CXX'];
  const missing = [
    ...(onPath('cmake') ? [] : ['cmake']),
    ...(onPath('make') || onPath('ninja') ? [] : ['make']),
    ...((cxx === undefined ? onPath('c++') || onPath('g++') || onPath('clang++') : onPath(cxx))
      ? []
      : ['a C++ compiler']),
  ];
  return missing.length === 0
    ? undefined
    : `${missing.join(' and ')} not found (on Debian: apt-get install cmake g++ make)`;
}

/**
 * Returns the path of LightGBM's shared library, and builds it first if it does not exist (about two minutes on two
 * cores, once).
 *
 * The build runs under a lock, in a folder of its own, whose result is renamed into place: a reader sees all of it or
 * none, and two processes build at once only if both take over the lock of the same dead process.
 * @param progress receives one plain line at a time
 * @throws LightscoreError NATIVE_UNAVAILABLE naming what is missing or why the build failed
 */
export async function buildLightGBM(
  source: LightGBMSource,
  progress: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<string> {
  if (existsSync(source.library)) return source.library;
  const missing = missingForBuild();
  if (missing !== undefined) throw unavailable(missing);
  const target = dirname(source.library);
  try {
    await mkdir(dirname(target), { recursive: true });
  } catch (error) {
    throw unavailable(`cannot write to ${dirname(target)}: ${messageOf(error)}`, error);
  }
  await withBuildLock(`${target}.lock`, progress, async (folder) => {
    if (!existsSync(source.library)) await build(source, folder, progress);
  });
  return source.library;
}

async function build(source: LightGBMSource, folder: string, progress: (line: string) => void): Promise<void> {
  const target = dirname(source.library);
  const log = `${target}.log`;
  const started = Date.now();
  progress(`building LightGBM ${source.version} (once, about two minutes on two cores; log in ${log})`);
  const output = join(folder, 'library');
  await runCMake(['-S', source.folder, '-B', folder, `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${output}`, ...CMAKE_OPTIONS], {
    log,
    flags: 'w',
  });
  let shown = 0;
  const parallel = ['--parallel', String(availableParallelism())];
  await runCMake(['--build', folder, '--target', '_lightgbm', '--config', 'Release', ...parallel], {
    log,
    flags: 'a',
    onLine: (line) => {
      const percent = Number(/^\[\s*(\d+)%\]/.exec(line)?.[1] ?? 0);
      if (percent < shown + 10 || percent >= 100) return;
      shown = percent - (percent % 10);
      progress(`building LightGBM: ${shown}%`);
    },
  });
  await rename(output, target).catch((error: unknown) => {
    if (!existsSync(source.library)) throw error;
  });
  progress(`built LightGBM in ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

interface StepOutput {
  /** The path of the file that the output goes to. */
  readonly log: string;
  readonly flags: 'w' | 'a';
  readonly onLine?: (line: string) => void;
}

/** Runs one step of the build. The error of a failed step quotes the first line of output that reports an error. */
async function runCMake(args: readonly string[], { log, flags, onLine }: StepOutput): Promise<void> {
  const file = createWriteStream(log, { flags });
  const child = spawn('cmake', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let firstError: string | undefined;
  let errorHeading = false;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      file.write(`${line}\n`);
      onLine?.(line);
      // CMake prints "CMake Error at FILE:LINE (...):" and the reason on the next line that is not empty.
      if (errorHeading && line.trim() !== '') {
        firstError = line.trim();
        errorHeading = false;
      }
      if (firstError === undefined && line.startsWith('CMake Error')) errorHeading = true;
      else if (firstError === undefined && /\b(fatal )?error:/.test(line)) firstError = line.trim();
    });
  }
  const exit = await new Promise<string | undefined>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) =>
      done(code === 0 ? undefined : signal === null ? `exit code ${code}` : `ended by ${signal}`),
    );
  }).catch((error: unknown) => messageOf(error));
  await new Promise<void>((done) => file.end(done));
  if (exit !== undefined) throw unavailable(`the build failed: ${firstError ?? `cmake: ${exit}`} (log in ${log})`);
}

function resolvePackage(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

function onPath(program: string): boolean {
  const folders = program.includes('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter);
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  return (
    folders.some((folder) => suffixes.some((suffix) => existsSync(join(folder, program + suffix)))) &&
    spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
  );
}

function unavailable(what: string, cause?: unknown): LightscoreError {
  return new LightscoreError('NATIVE_UNAVAILABLE', `native LightGBM is not available: ${what}`, { cause });
}
