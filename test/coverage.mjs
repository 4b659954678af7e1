// `npm run coverage`: runs what `npm test` runs and says which lines of src/ and workers/ it ran, in every process and
// thread; fails where a test does, or where less than FLOOR percent of the lines were run. A line that was run in part
// counts as not run, and so do the lines of files that no test loads. Blank lines, comments and files of types alone do
// not count; the kernel (WebAssembly) and generated code are left out.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CoverageReport } from 'monocart-coverage-reports';

const FLOOR = 95;
const FOLDERS = ['dist/src', 'dist/workers'];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'coverage');
const raw = join(out, 'raw');

rmSync(out, { recursive: true, force: true });
// Node writes a file there for each process and thread that ends, and hands the variable on to child processes.
const tests = spawnSync(process.execPath, [join(root, 'test/run.mjs')], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, NODE_V8_COVERAGE: raw },
});
if (tests.status !== 0) process.exit(tests.status ?? 1);

const compiled = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true }).map((file) => join(root, folder, String(file))),
).filter((file) => file.endsWith('.js') && !file.includes('.generated.'));
const sources = new Map(compiled.map((file) => [pathToFileURL(file).href, readFileSync(file, 'utf8')]));
for (const [url, source] of sources)
  if (source.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '').trim() === 'export {};') sources.delete(url);
const report = new CoverageReport({
  name: 'Lightscore',
  outputDir: out,
  baseDir: root,
  clean: false,
  logging: 'error',
  reports: ['v8', 'console-details'],
  entryFilter: ({ url }) => sources.has(url),
});
// A process that a test kills while it writes leaves half a file: what it ran does not count.
for (const file of readdirSync(raw).map((name) => join(raw, name))) {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    console.log(`coverage: left out ${file}, which a process that was killed has not finished`);
    rmSync(file);
  }
}
await report.addFromDir(raw);
// Every file counts as not run first: a file that no test loads stays so.
await report.add(
  [...sources].map(([url, source]) => {
    const ranges = [{ startOffset: 0, endOffset: source.length, count: 0 }];
    return { url, source, scriptId: '', functions: [{ functionName: '', isBlockCoverage: true, ranges }] };
  }),
);
const { summary } = await report.generate();
rmSync(raw, { recursive: true });
const { covered, total, pct } = summary.lines;
console.log(`coverage: ${covered} of ${total} lines, ${pct}%; the floor is ${FLOOR}%`);
if (pct < FLOOR) process.exit(1);
