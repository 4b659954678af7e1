/**
 * Builds dist/: the kernel (AssemblyScript to WebAssembly), then the TypeScript.
 *
 * A step whose inputs are older than its output is skipped, so that `npm start` and `npm test` can call the build
 * themselves: .npmrc sets `ignore-scripts`, which also disables prestart and pretest.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const out = join(root, 'dist');

/** The latest modification time of a file, or of a folder and everything in it. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(
    0,
    stat.mtimeMs,
    ...readdirSync(path)
      .filter((name) => name !== 'node_modules')
      .map((name) => newest(join(path, name))),
  );
}

/** Runs one step unless its stamp file in dist/ is newer than all its inputs. */
function step({ name, inputs }, run) {
  const stampFile = join(out, `.${name}`);
  const changed = Math.max(...inputs.filter(existsSync).map((input) => newest(input)));
  if (existsSync(stampFile) && statSync(stampFile).mtimeMs >= changed) return;
  const started = Date.now();
  run();
  writeFileSync(stampFile, '');
  process.stderr.write(`built ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

const path = (...parts) => join(root, ...parts);
const node = (script, args) =>
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
const buildFiles = [path('build.mjs'), path('package.json')];

mkdirSync(join(out, 'workers'), { recursive: true });

step({ name: 'kernel', inputs: [...buildFiles, path('workers/kernel')] }, () => {
  node(path('node_modules/assemblyscript/bin/asc.js'), [
    relative(root, path('workers/kernel/kernel.ts')),
    '--outFile',
    'dist/workers/kernel.wasm',
    '-O3',
    '--noAssert',
    '--runtime',
    'stub',
    '--importMemory',
    '--sharedMemory',
    '--maximumMemory',
    '65536',
    '--enable',
    'simd',
    '--enable',
    'threads',
    '--memoryBase',
    '1024',
    '--use',
    'abort=',
    '--transform',
    './workers/kernel/inline-transform.mjs',
  ]);
});

const sources = ['tsconfig.json', 'src', 'workers', 'test', 'loadtest'].map((name) => path(name));
step({ name: 'server', inputs: [...buildFiles, ...sources] }, () => {
  // Nothing stays of a source file that was moved or deleted.
  for (const folder of ['src', 'test', 'loadtest']) rmSync(join(out, folder), { recursive: true, force: true });
  for (const name of readdirSync(join(out, 'workers'))) {
    if (name !== 'kernel.wasm') rmSync(join(out, 'workers', name), { recursive: true });
  }
  node(path('node_modules/typescript/bin/tsc'), ['-p', 'tsconfig.json']);
  copyFileSync(path('package.json'), join(out, 'package.json'));
  chmodSync(join(out, 'src/cli.js'), 0o755);
});
