// Runs every compiled test file with node:test: `npm test`, or `npm test -- NAME...` for the files whose path contains
// a NAME.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const names = process.argv.slice(2);
const files = readdirSync(join(root, 'dist/test'), { recursive: true })
  .map((file) => join('dist/test', String(file)))
  .filter((file) => file.endsWith('.test.js') && (names.length === 0 || names.some((name) => file.includes(name))))
  .toSorted();
if (files.length === 0) {
  console.error(`no test file matches ${names.join(' ')}`);
  process.exit(1);
}
// Native LightGBM, the oracle, is built once and before everything else: two minutes of compiling beside them would
// upset the rest. Where it cannot be built, the tests that need it say so, each by name.
if (names.length === 0) {
  const { openLightGBM } = await import(new URL('../dist/src/native/lightgbm.js', import.meta.url).href);
  await openLightGBM((line) => console.error(line)).catch((error) => {
    if (error.code !== 'NATIVE_UNAVAILABLE') throw error;
    console.error(error.message);
  });
}

// Two files at a time: the machines that run this have few cores, and servers under test need one.
const run = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=2', '--test-timeout=240000', '--test-reporter=spec', ...files],
  { cwd: root, stdio: 'inherit' },
);
process.exit(run.status ?? 1);
