// Runs compiled test files with node:test. `npm test` runs all but those of test/real, `npm run test:real` those; a
// NAME behind either (`npm test -- NAME...`) takes the files whose path contains it.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const real = process.argv[2] === '--real';
const names = process.argv.slice(real ? 3 : 2);
// The files are named one by one, because `node --test FOLDER` runs every module of a folder called "test", the shared
// ones too.
const files = readdirSync(join(root, 'dist/test'), { recursive: true })
  .map((file) => join('dist/test', String(file)))
  .filter(
    (file) =>
      file.endsWith('.test.js') &&
      file.startsWith(join('dist/test/real/')) === real &&
      (names.length === 0 || names.some((name) => file.includes(name))),
  )
  .toSorted();
if (files.length === 0) {
  console.error(`no test file matches ${names.join(' ')}`);
  process.exit(1);
}
// Native LightGBM, the oracle, is built once and before everything else: two minutes of compiling beside them would
// upset the rest. Where it cannot be built, the tests that need it say so, each by name.
if (!real && names.length === 0) {
  const { openLightGBM } = await import(new URL('../dist/src/native/lightgbm.js', import.meta.url).href);
  await openLightGBM((line) => console.error(line)).catch((error) => {
    if (error.code !== 'NATIVE_UNAVAILABLE') throw error;
    console.error(error.message);
  });
}

// One file more at a time than there are cores, as tests also wait; those of test/real one by one, as they measure
// latencies, install packages and train models. A file that hangs fails in the end; node:test would wait for ever.
const timeout = real ? 1_800_000 : 240_000;
const concurrency = real ? 1 : availableParallelism() + 1;
const run = spawnSync(
  process.execPath,
  ['--test', `--test-concurrency=${concurrency}`, `--test-timeout=${timeout}`, '--test-reporter=spec', ...files],
  { cwd: root, stdio: 'inherit' },
);
process.exit(run.status ?? 1);
