/** The library: what it answers, what it refuses, and that a model's memory comes back. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ERRORS, LightscoreError, type Model, type RowsArguments, loadModel } from '../src/index.js';
import { borrowResources, returnResources } from '../src/library/scoring-memory.js';
import { close, readGolden } from './support/golden.js';
import { projectRoot } from './support/project.js';

const data = join(projectRoot, 'test/data');
const VERSION = join(data, 'models/v1.0.0');
const golden = readGolden();

/** A model that is disposed of behind its test. */
async function load(t: TestContext, path: string): Promise<Model> {
  const model = await loadModel(path);
  t.after(() => model.dispose());
  return model;
}

/** A copy of a version that a test may spoil. */
async function copyOf(t: TestContext, version = VERSION): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lightscore-library-'));
  t.after(() => rm(folder, { recursive: true }));
  await cp(version, folder, { recursive: true });
  return folder;
}

function flat(rows: readonly (readonly (number | null)[])[]): Float64Array {
  return Float64Array.from(rows.flat(), (value) => value ?? NaN);
}

test('a version answers with LightGBM raw scores and calibrated scores, of nested and of flat rows', async (t) => {
  const model = await load(t, VERSION);
  assert(!model.multiclass);
  assert.deepEqual(model.featureNames, golden.feature_names);
  const { modelVersion, objective, outputs, calibrated, explainable } = model;
  assert.deepEqual(
    { modelVersion, objective, outputs, calibrated, explainable },
    { modelVersion: 'v1.0.0', objective: 'binary', outputs: 1, calibrated: true, explainable: true },
  );
  assert.deepEqual(model.raw(golden.rows), golden.raw_score);
  const scores = model.score(golden.rows);
  assert(scores.every((score, row) => close(score, golden.calibrated[row])));
  assert.deepEqual(model.raw(flat(golden.rows), golden.rows.length), golden.raw_score);
  assert.deepEqual(model.score(flat(golden.rows), golden.rows.length), scores);
  assert.deepEqual(model.score([]), []);
  assert.deepEqual(model.contributions(new Float64Array(), 0), []);
});

test('contributions are one number a feature and the expected value, which add up to the raw score', async (t) => {
  const model = await load(t, VERSION);
  assert(!model.multiclass);
  const rows = golden.rows.slice(0, golden.contributions.length);
  const raw = model.raw(rows);
  for (const [row, contributions] of model.contributions(rows).entries()) {
    assert.equal(contributions.length, model.featureNames.length + 1);
    const largest = Math.max(...contributions.map(Math.abs));
    for (const [i, value] of contributions.entries())
      assert(Math.abs(value - golden.contributions[row][i]) <= 1e-12 * largest, `row ${row}, contribution ${i}`);
    const sum = contributions.reduce((total, value) => total + value, 0);
    assert(Math.abs(sum - raw[row]) <= 1e-12 * largest * contributions.length);
  }
});

test('null and NaN are the same missing value, and infinities are values', async (t) => {
  const model = await load(t, VERSION);
  const [row] = golden.rows;
  for (const column of row.keys()) {
    const withNull = row.map((value, i) => (i === column ? null : value));
    const withNaN = row.map((value, i) => (i === column ? NaN : value));
    assert.deepEqual(model.raw([withNull]), model.raw([withNaN]));
  }
  assert.equal(model.raw([row.map(() => Infinity), row.map(() => -Infinity)]).length, 2);
});

test('a model of several classes answers with one number a class, and contributions a class', async (t) => {
  const model = await load(t, join(data, 'conformance/multiclass.txt'));
  const expected: Readonly<Record<'rows' | 'raw_score' | 'prediction', number[][]>> = JSON.parse(
    await readFile(join(data, 'conformance/multiclass.golden.json'), 'utf8'),
  );
  assert(model.multiclass);
  const classes = expected.raw_score[0].length;
  assert.equal(model.outputs, classes);
  assert.equal(model.calibrated, false);
  assert.equal(model.modelVersion, undefined);
  const { rows } = expected;
  assert.deepEqual(model.raw(rows), expected.raw_score);
  for (const [row, scores] of model.score(rows).entries()) {
    assert.equal(scores.length, classes);
    assert(scores.every((score, i) => close(score, expected.prediction[row][i])));
    assert(
      close(
        scores.reduce((sum, score) => sum + score, 0),
        1,
      ),
    );
  }
  for (const [row, ofClasses] of model.contributions(rows.slice(0, 5)).entries()) {
    assert.equal(ofClasses.length, classes);
    for (const [i, contributions] of ofClasses.entries()) {
      assert.equal(contributions.length, model.featureNames.length + 1);
      const sum = contributions.reduce((total, value) => total + value, 0);
      assert(Math.abs(sum - expected.raw_score[row][i]) < 1e-9);
    }
  }
});

test('without a calibrator the score is the probability', async (t) => {
  const folder = await copyOf(t);
  await rm(join(folder, 'calibrator.pkl'));
  const model = await load(t, folder);
  assert(!model.multiclass);
  assert.equal(model.calibrated, false);
  assert(model.score(golden.rows).every((score, row) => close(score, golden.probability[row])));
});

test('a model that cannot be explained says so', async (t) => {
  const model = await load(t, join(data, 'conformance/linear_tree.txt'));
  assert.equal(model.explainable, false);
  assert.throws(() => model.contributions([]), { name: 'LightscoreError', code: 'MODEL_UNSUPPORTED' });
});

const ROW = golden.rows[0];
const NAMES = golden.feature_names;
const replaced = (column: number, value: unknown): readonly unknown[] => ROW.map((v, i) => (i === column ? value : v));

for (const [what, args, message] of [
  ['no array', ['rows'], 'the rows are "rows", not an array or a Float64Array'],
  ['a row that is a number', [[ROW, 5]], 'row 1, column 0: the row is of type number, not an array'],
  [
    'a short row',
    [[ROW, ROW.slice(1)]],
    `row 1, column 14 (${NAMES[14]}) is missing: the row has 14 values, the model 15 features`,
  ],
  [
    'a long row',
    [[ROW, ROW, [...ROW, 1]]],
    'row 2, column 15 is beyond the last feature: the row has 16 values, the model 15 features',
  ],
  ['a text', [[ROW, replaced(2, '7')]], `row 1, column 2 (${NAMES[2]}) is "7", not a number or null`],
  ['undefined', [[replaced(0, undefined)]], `row 0, column 0 (${NAMES[0]}) is of type undefined, not a number or null`],
  ['a bigint', [[replaced(3, 7n)]], `row 0, column 3 (${NAMES[3]}) is of type bigint, not a number or null`],
  [
    'a short flat array',
    [new Float64Array(29), 2],
    `row 1, column 14 (${NAMES[14]}) is missing: 2 rows of 15 columns have 30 values, the Float64Array has 29`,
  ],
  [
    'a long flat array',
    [new Float64Array(31), 2],
    'row 2, column 0 is beyond the last row: 2 rows of 15 columns have 30 values, the Float64Array has 31',
  ],
  [
    'a flat array alone',
    [new Float64Array(30)],
    'the number of rows, the second argument beside a Float64Array, is missing',
  ],
  ['a Float32Array', [new Float32Array(15)], 'the rows are of type Float32Array, not an array or a Float64Array'],
  [
    'an array of rows with a number',
    [[ROW], 5],
    'a number of rows is given for a Float64Array alone: an array has its own length',
  ],
  ['half a row', [new Float64Array(30), 1.5], 'the number of rows, the second argument beside a Float64Array, is 1.5'],
] as const) {
  test(`refused with one sentence: ${what}`, async (t) => {
    const model = await load(t, VERSION);
    for (const method of ['score', 'raw', 'contributions'] as const) {
      assert.throws(() => model[method](...(args as unknown as RowsArguments)), {
        name: 'LightscoreError',
        code: 'DATA_INVALID',
        message,
      });
    }
  });
}

test('a model is named by its path, or by a file: URL', async (t) => {
  const model = await loadModel(pathToFileURL(VERSION));
  t.after(() => model.dispose());
  assert.equal(model.modelVersion, 'v1.0.0');
  for (const [path, given] of [
    [3, 'of type number'],
    [undefined, 'of type undefined'],
    [new URL('https://models.example/v1'), '"https://models.example/v1"'],
  ] as const) {
    const message = `the path of the model is ${given}, not a text or a file: URL`;
    await assert.rejects(loadModel(path as unknown as string), {
      name: 'LightscoreError',
      code: 'DATA_INVALID',
      message,
    });
  }
});

/** The SHA-256 sums of a version's files, written into its metadata. */
async function addChecksums(folder: string, sums: Readonly<Record<string, string>>): Promise<void> {
  const file = join(folder, 'metadata.json');
  const metadata: Record<string, unknown> = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...metadata, checksums: sums }));
}

for (const name of ['lightgbm_model.txt', 'calibrator.pkl', 'notes.txt']) {
  test(`a checksum that ${name} does not have is refused`, async (t) => {
    const folder = await copyOf(t);
    await writeFile(join(folder, 'notes.txt'), 'as trained');
    await addChecksums(folder, { [name]: '0'.repeat(64) });
    await assert.rejects(loadModel(folder), (error) => {
      assert(error instanceof LightscoreError);
      assert.equal(error.code, 'ARTIFACT_INVALID');
      assert(error.message.startsWith(`${join(folder, name)}: `), error.message);
      return true;
    });
  });
}

test('a file that metadata.json has a checksum of must be there', async (t) => {
  const folder = await copyOf(t);
  await addChecksums(folder, { 'notes.txt': '0'.repeat(64) });
  await assert.rejects(loadModel(folder), {
    code: 'ARTIFACT_INVALID',
    message: `${join(folder, 'notes.txt')}: is missing, but metadata.json has its checksum`,
  });
});

test('a folder without a model, and a calibrator beside several classes, are refused', async (t) => {
  await assert.rejects(loadModel(join(VERSION, 'nothing')), { name: 'ArtifactError', code: 'ARTIFACT_INVALID' });
  const folder = await copyOf(t);
  await rm(join(folder, 'metadata.json'));
  await cp(join(data, 'conformance/multiclass.txt'), join(folder, 'lightgbm_model.txt'));
  await assert.rejects(loadModel(folder), /calibrator\.pkl: is for one output, and the model has 4$/);
});

test('after it was disposed of a model throws, and its memory is free for the next', async () => {
  const { memory } = borrowResources();
  const before = memory.usedBytes;
  for (let i = 0; i < 5; i++) {
    const [one, other] = [await loadModel(VERSION), await loadModel(VERSION)];
    assert(memory.usedBytes > before);
    one.dispose();
    one.dispose();
    for (const method of ['score', 'raw', 'contributions'] as const)
      assert.throws(() => one[method]([]), { name: 'LightscoreError', code: 'MODEL_DISPOSED' });
    assert.equal(other.raw([ROW])[0], golden.raw_score[0]);
    other[Symbol.dispose]();
    assert.equal(memory.usedBytes, before);
  }
  const size = memory.totalBytes;
  const last = await loadModel(VERSION);
  assert.equal(memory.totalBytes, size);
  last.dispose();
  returnResources();
});

test('the memory of the last model goes with it', async () => {
  const first = borrowResources();
  returnResources();
  const model = await loadModel(VERSION);
  model.dispose();
  assert.notEqual(borrowResources(), first);
  returnResources();
});

test('the codes of the errors have a table', () => {
  for (const code of ['ARTIFACT_INVALID', 'MODEL_UNSUPPORTED', 'DATA_INVALID', 'MODEL_DISPOSED'] as const)
    assert.equal(typeof ERRORS[code].what, 'string');
});
