/** `lightscore score`. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readPickledCalibrator } from '../src/artifact/scikit-learn.js';
import { writeCalibratorJson } from '../src/artifact/calibrator.js';
import { runCli } from './support/cli-process.js';
import { SMALL_MODEL } from './support/model-text.js';
import { projectRoot } from './support/project.js';
import { sha256Hex } from '../src/sha256.js';

const data = join(projectRoot, 'test/data');
const version = join(data, 'models/v1.0.0');
let folder: string;
let rowsFile: string;
let golden: Golden;

interface Golden {
  readonly rows: readonly number[][];
  readonly raw_score: readonly number[];
  readonly probability: readonly number[];
  readonly calibrated: readonly number[];
  readonly contributions: readonly number[][];
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lightscore-cli-'));
  golden = await readJson<Golden>(join(data, 'golden.v1.0.0.json'));
  rowsFile = join(folder, 'rows.json');
  await writeFile(rowsFile, JSON.stringify(golden.rows));
});
after(() => rm(folder, { recursive: true }));

async function readJson<T>(file: string): Promise<T> {
  const value: T = JSON.parse(await readFile(file, 'utf8'));
  return value;
}

/** The JSON that the command printed; it must succeed without a message. */
async function score(args: readonly string[], input?: string): Promise<unknown> {
  const { code, stdout, stderr } = await runCli(['score', ...args], input === undefined ? {} : { input });
  assert.equal(stderr, '');
  assert.equal(code, 0);
  const printed: unknown = JSON.parse(stdout);
  return printed;
}

async function assertFails(args: readonly string[], exitCode: number, message: RegExp, input?: string): Promise<void> {
  const { code, stdout, stderr } = await runCli(['score', ...args], input === undefined ? {} : { input });
  assert.match(stderr, message);
  assert.equal(code, exitCode);
  assert.equal(stdout, '');
  if (exitCode === 1) assert.match(stderr, /^lightscore: [^\n]+\n$/, 'one line');
}

/** A folder with only a model text in it. */
async function modelFolder(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'lightgbm_model.txt'), text);
  return path;
}

/** Asserts that every number is within `tolerance` of its own size. */
function close(actual: unknown, expected: readonly number[], tolerance: number): void {
  assert.ok(Array.isArray(actual) && actual.length === expected.length);
  actual.forEach((value: unknown, i) =>
    assert.ok(
      typeof value === 'number' && Math.abs(value - expected[i]) <= tolerance * Math.abs(expected[i]),
      `row ${i}: ${String(value)}, expected ${expected[i]}`,
    ),
  );
}

test('golden rows get their raw scores bit for bit, probabilities, calibrated scores and contributions', async () => {
  assert.deepEqual(await score(['--model', version, '--rows', rowsFile, '--raw']), golden.raw_score);
  close(await score(['--model', version, '--rows', rowsFile, '--probability']), golden.probability, 2 ** -51);
  close(await score(['--model', version, '--rows', rowsFile]), golden.calibrated, 1e-12);
  const contributions = await score(
    ['--model', version, '--rows', '-', '--contributions'],
    JSON.stringify(golden.rows.slice(0, golden.contributions.length)),
  );
  assert.ok(Array.isArray(contributions));
  contributions.forEach((row: unknown, i) => close(row, golden.contributions[i], 1e-12));
  for (const beside of ['--raw', '--probability']) {
    assert.deepEqual(
      await score(
        ['--model', version, '--rows', '-', beside, '--contributions'],
        JSON.stringify(golden.rows.slice(0, golden.contributions.length)),
      ),
      contributions,
      beside,
    );
  }
});

test('the portable calibrator gives the same scores as the pickled one', async () => {
  const path = await modelFolder('portable', await readFile(join(version, 'lightgbm_model.txt'), 'utf8'));
  const pickle = await readFile(join(version, 'calibrator.pkl'));
  await writeFile(join(path, 'calibrator.json'), writeCalibratorJson(readPickledCalibrator(pickle, 'calibrator.pkl')));
  assert.deepEqual(
    await score(['--model', path, '--rows', rowsFile]),
    await score(['--model', version, '--rows', rowsFile]),
  );
});

test('reference models score from a folder that has nothing but the model text', async () => {
  for (const name of [
    'multiclass',
    'multiclassova',
    'categorical',
    'linear_tree',
    'random_forest',
    'poisson',
    'constant',
  ]) {
    const expected = await readJson<{
      rows: (number | null)[][];
      raw_score: unknown;
      prediction: number[] | number[][];
    }>(join(data, `conformance/${name}.golden.json`));
    // Rows of a reference file contain infinities as numbers too large for a double, which this command refuses.
    const rows = expected.rows.filter((row) => row.every((value) => value === null || Number.isFinite(value)));
    assert.equal(rows.length, expected.rows.length, name);
    const path = await modelFolder(name, await readFile(join(data, `conformance/${name}.txt`), 'utf8'));
    assert.deepEqual(
      await score(['--model', path, '--rows', '-', '--raw'], JSON.stringify(rows)),
      expected.raw_score,
      name,
    );
    const predictions = await score(['--model', path, '--rows', '-', '--probability'], JSON.stringify(rows));
    assert.ok(Array.isArray(predictions));
    const flat: unknown[] = predictions.flat();
    expected.prediction
      .flat()
      .forEach((value, i) =>
        assert.ok(Math.abs(value - Number(flat[i])) <= 2 ** -51 * Math.abs(value), `${name}: ${value}`),
      );
  }
});

test('contributions of several classes are class after class and add up to the raw scores', async () => {
  const { rows } = await readJson<{ rows: unknown[] }>(join(data, 'conformance/multiclass.golden.json'));
  const model = join(data, 'conformance/multiclass.txt');
  const contributions = await score(['--model', model, '--rows', '-', '--contributions'], JSON.stringify(rows));
  const raw = await score(['--model', model, '--rows', '-', '--raw'], JSON.stringify(rows));
  assert.ok(Array.isArray(contributions) && Array.isArray(raw));
  contributions.forEach((row: number[], r) => {
    assert.equal(row.length, 4 * 16);
    for (let k = 0; k < 4; k++) {
      const sum = row.slice(16 * k, 16 * (k + 1)).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - Number(raw[r][k])) < 1e-12 * Math.max(1, Math.abs(sum)));
    }
  });
});

test('no rows, one row on standard input, and numbers at the ends of the range of doubles', async () => {
  const path = await modelFolder('small', SMALL_MODEL);
  assert.deepEqual(await score(['--model', path, '--rows', '-', '--raw'], '[]'), []);
  assert.deepEqual(await score(['--model', path, '--rows', '-', '--raw'], ' [[0.5, null, -0]] \n'), [
    0.125 - 0.375 + 0.03125,
  ]);
  const tiny = SMALL_MODEL.replace(
    'leaf_value=0.125 -0.25 0.5 -1',
    'leaf_value=5e-324 -5e-324 0 1.7976931348623157e308',
  )
    .replace('0.0625 0.75 -0.375', '-0 -0 -0')
    .replace('leaf_value=0.03125', 'leaf_value=-0');
  const { stdout } = await runCli(['score', '--model', await modelFolder('tiny', tiny), '--rows', '-', '--raw'], {
    input: '[[0.5, null, -1], [0.5, null, 1], [9, null, 0]]',
  });
  assert.equal(stdout, '[\n5e-324,\n-5e-324,\n1.7976931348623157e+308\n]\n');
});

test('a score that JSON cannot represent is an error, not null', async () => {
  const path = await modelFolder(
    'overflow',
    SMALL_MODEL.replace('binary sigmoid:1', 'poisson').replace('leaf_value=0.125 -0.25', 'leaf_value=0.125 1e300'),
  );
  await assertFails(
    ['--model', path, '--rows', '-', '--probability'],
    1,
    /the score of row 1 is Infinity/,
    '[[0.5, null, -1], [0.5, null, 1]]',
  );
});

test('checksums of the metadata are verified', async () => {
  const path = join(folder, 'sums');
  await mkdir(path);
  for (const name of ['lightgbm_model.txt', 'calibrator.pkl']) await copyFile(join(version, name), join(path, name));
  const metadata = await readJson<Record<string, unknown>>(join(version, 'metadata.json'));
  const sum = sha256Hex(await readFile(join(version, 'lightgbm_model.txt')));
  await writeFile(
    join(path, 'metadata.json'),
    JSON.stringify({ ...metadata, checksums: { 'lightgbm_model.txt': sum } }),
  );
  assert.ok(await score(['--model', path, '--rows', rowsFile]));
  await writeFile(
    join(path, 'metadata.json'),
    JSON.stringify({ ...metadata, checksums: { 'lightgbm_model.txt': sum, 'calibrator.pkl': sum } }),
  );
  await assertFails(['--model', path, '--rows', rowsFile], 1, /calibrator\.pkl: has SHA-256/);
});

test('mistakes are one line and exit code 1', async () => {
  const small = await modelFolder('mistakes', SMALL_MODEL);
  await assertFails(
    ['--model', small, '--rows', rowsFile],
    1,
    /holds no calibrator\.json or calibrator\.pkl; add --probability or --raw/,
  );
  await assertFails(
    ['--model', join(data, 'conformance/multiclass.txt'), '--rows', rowsFile],
    1,
    /has 4 outputs.*--probability or --raw/,
  );
  await assertFails(
    ['--model', join(data, 'conformance/linear_tree.txt'), '--rows', rowsFile, '--contributions'],
    1,
    /no SHAP values: they are not defined for linear trees/,
  );
  await assertFails(
    ['--model', join(data, 'models'), '--rows', rowsFile],
    1,
    /lightgbm_model\.txt: is missing; name one version: .*v1\.0\.0, .*v1\.1\.0/,
  );
  await assertFails(['--model', join(folder, 'nowhere'), '--rows', rowsFile], 1, /nowhere: does not exist/);
  await assertFails(
    ['--model', small, '--rows', join(folder, 'nothing.json'), '--raw'],
    1,
    /nothing\.json: does not exist/,
  );
  await assertFails(
    ['--model', small, '--rows', folder, '--raw'],
    1,
    /^lightscore: [^ ]+: cannot be read: it is a folder, not a file\n$/,
  );
  const bad: readonly [string, RegExp][] = [
    ['', /standard input: is not JSON/],
    ['[[1,2,3]', /is not JSON/],
    ['{"rows": []}', /is not a JSON array of rows/],
    ['[[1,2]]', /row 0 has 2 values, the model has 3 features/],
    ['[[1,2,3],7]', /row 1 is not an array/],
    ['[[1,"2",3]]', /row 0, value 1 is "2", expected a number or null/],
    ['[[1,1e999,3]]', /row 0, value 1 is too large for a double/],
    ['[[1,true,3]]', /value 1 is true/],
    ['[[1,NaN,3]]', /is not JSON/],
  ];
  for (const [input, message] of bad) await assertFails(['--model', small, '--rows', '-', '--raw'], 1, message, input);
});

test('wrong usage is exit code 2, help is 0 and has examples', async () => {
  await assertFails([], 2, /required option '--model/);
  await assertFails(['--model', version, '--rows', rowsFile, '--raw', '--probability'], 2, /cannot be used with/);
  await assertFails(['--model', version, '--rows', rowsFile, '--frobnicate'], 2, /unknown option/);
  const { code, stdout } = await runCli(['score', '--help']);
  assert.equal(code, 0);
  assert.match(stdout, /Examples:\n {2}\$ lightscore score --model/);
});
