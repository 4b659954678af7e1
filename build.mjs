// Builds dist/: the kernel (AssemblyScript -> WebAssembly), then the TypeScript.
// A step whose inputs are older than its output is skipped, so that `npm start` and `npm test` can build for themselves
// (install scripts are switched off in .npmrc, which also switches off prestart and pretest).
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const out = join(root, 'dist');

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

function step(name, stamp, inputs, run) {
  const stampFile = join(out, stamp);
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
const here = [path('build.mjs'), path('package.json')];

mkdirSync(join(out, 'workers'), { recursive: true });

step('kernel', '.kernel', [...here, path('workers/kernel')], () => {
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
  ]);
});

step(
  'server',
  '.server',
  [...here, path('tsconfig.json'), path('src'), path('workers'), path('test'), path('loadtest')],
  () => {
    // What was compiled from files that are gone would go into a package.
    for (const folder of ['src', 'test', 'loadtest']) rmSync(join(out, folder), { recursive: true, force: true });
    for (const name of readdirSync(join(out, 'workers')))
      if (name !== 'kernel.wasm') rmSync(join(out, 'workers', name), { recursive: true, force: true });
    node(path('node_modules/typescript/bin/tsc'), ['-p', 'tsconfig.json']);
    copyFileSync(path('package.json'), join(out, 'package.json'));
    chmodSync(join(out, 'src/cli.js'), 0o755);
  },
);
