/** `lightscore inspect`. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Inspection } from '../src/commands/inspection.js';
import { applicableStrategies } from '../src/model/image.js';
import { parseBooster } from '../src/model/parse.js';
import { runCli } from './support/cli-process.js';
import { SMALL_MODEL } from './support/model-text.js';
import { projectRoot } from './support/project.js';
import { sha256Hex } from '../src/sha256.js';

const data = join(projectRoot, 'test/data');
const version = join(data, 'models/v1.0.0');
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lightscore-inspect-'));
});
after(() => rm(folder, { recursive: true }));

/** @param expected the exit code: 1 where a server refuses the version */
async function inspect(path: string, expected = 0): Promise<Inspection & { readonly error?: { message: string } }> {
  const { code, stdout, stderr } = await runCli(['inspect', path, '--json']);
  assert.equal(code, expected, stderr);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof inspect>>;
}

test('a version: model, trees, features by importance, strategy, calibrator, metadata, checksums', async () => {
  const text = await readFile(join(version, 'lightgbm_model.txt'));
  const golden: { split_importance: number[]; feature_names: string[] } = JSON.parse(
    await readFile(join(data, 'golden.v1.0.0.json'), 'utf8'),
  );
  const { model, trees, features, run, calibrator, metadata, files, warnings } = await inspect(version);
  assert.deepEqual(
    { ...model, file: '' },
    {
      file: '',
      bytes: text.length,
      sha256: sha256Hex(text),
      format: 'v4',
      objective: 'binary',
      transform: 'sigmoid',
      outputs: 1,
      average_output: false,
    },
  );
  assert.deepEqual(trees, { count: 98, leaves: 3038, most_leaves: 31, most_depth: 19, linear: 0, single_leaf: 0 });
  assert.deepEqual(
    features.map(({ name }) => name),
    golden.feature_names,
  );
  assert.deepEqual(
    features.map(({ importance }) => importance),
    golden.split_importance,
  );
  assert.deepEqual(run.applicable, applicableStrategies(parseBooster(text.toString())));
  assert.equal(run.strategy, run.applicable[0]);
  assert.ok(run.explainable && run.image_bytes > 10_000 && run.reason.includes('31 leaves'));
  assert.deepEqual([calibrator?.file, calibrator?.dtype, calibrator?.thresholds], ['calibrator.pkl', 'float64', 68]);
  assert.equal(metadata?.['model_version'], 'v1.0.0');
  assert.deepEqual(
    files.map(({ name, checksum }) => [name, checksum]),
    [
      ['calibrator.pkl', 'none'],
      ['lightgbm_model.txt', 'none'],
      ['metadata.json', 'none'],
    ],
  );
  assert.deepEqual(warnings, []);
});

test('column kinds: categorical, missing values, features that no tree splits on', async () => {
  const { features } = await inspect(join(data, 'conformance/categorical.txt'));
  assert.deepEqual(
    features.filter(({ columns }) => columns.some(({ kind }) => kind === 'categorical')).map(({ name }) => name),
    ['Column_2', 'Column_6'],
  );
  const constant = await inspect(join(data, 'conformance/constant.txt'));
  assert.ok(constant.features.every(({ columns, importance }) => columns.length === 0 && importance === 0));
  assert.match(constant.warnings.join('\n'), /no tree splits/);
  assert.match((await inspect(join(data, 'conformance/linear_tree.txt'))).run.reason, /linear/);
  assert.match((await inspect(join(data, 'conformance/multiclass.txt'))).warnings.join('\n'), /4 outputs/);
});

test('what keeps a version from being served is its error, and the rest is described', async () => {
  await copyFile(join(version, 'lightgbm_model.txt'), join(folder, 'lightgbm_model.txt'));
  const bare = await inspect(folder);
  assert.deepEqual([bare.calibrator, bare.metadata, bare.served], [null, null, true]);
  await writeFile(
    join(folder, 'calibrator.json'),
    '{"type": "isotonic", "dtype": "float64", "out_of_bounds": "nan", "x_thresholds": [0], "y_thresholds": [0]}',
  );
  const metadata: object = JSON.parse(await readFile(join(version, 'metadata.json'), 'utf8'));
  await writeFile(
    join(folder, 'metadata.json'),
    JSON.stringify({ ...metadata, checksums: { 'lightgbm_model.txt': '0'.repeat(64) } }),
  );
  const { warnings, files, error } = await inspect(folder, 1);
  assert.match(error?.message ?? '', /lightgbm_model\.txt: has SHA-256 [0-9a-f]{64}, but metadata\.json says 0+/);
  assert.match(warnings.join('\n'), /out_of_bounds is "nan"/);
  assert.equal(files.find(({ name }) => name === 'lightgbm_model.txt')?.checksum, 'differs');
});

test('a calibrator that is not read because of another one becomes a warning', async () => {
  const path = join(folder, 'two-calibrators');
  await mkdir(path);
  for (const name of ['lightgbm_model.txt', 'metadata.json', 'calibrator.pkl'])
    await copyFile(join(version, name), join(path, name));
  await writeFile(
    join(path, 'calibrator.json'),
    '{"type": "isotonic", "dtype": "float64", "out_of_bounds": "clip", "x_thresholds": [0, 1], "y_thresholds": [0, 1]}',
  );
  const { calibrator, warnings } = await inspect(path);
  assert.equal(calibrator?.file, 'calibrator.json');
  assert.deepEqual(warnings, [
    `${join(path, 'calibrator.pkl')}: is ignored, because the version also has calibrator.json`,
  ]);
});

test('the text names every part; a truncated model is one line and exit code 1', async () => {
  const { code, stdout } = await runCli(['inspect', version]);
  assert.equal(code, 0);
  for (const part of [
    'Model ',
    'Objective ',
    'Trees ',
    'Kernel ',
    'Calibrator ',
    'Metadata ',
    'Files ',
    'Features ',
    'dealer_fraud_percentile',
    'training_date: 2024-01-15',
  ])
    assert.ok(stdout.includes(part), part);
  const truncated = join(folder, 'truncated.txt');
  await writeFile(truncated, (await readFile(join(version, 'lightgbm_model.txt'), 'utf8')).slice(0, 100_000));
  const failed = await runCli(['inspect', truncated]);
  assert.equal(failed.code, 1);
  assert.equal(failed.stdout, '');
  assert.match(failed.stderr, /^lightscore: .*truncated\.txt: .+\n$/);
  assert.equal((await runCli(['inspect'])).code, 2);
});

test("the codes of a data frame's categories are listed, and a load warns that requests carry them", async () => {
  const path = join(folder, 'categories.txt');
  await writeFile(path, `${SMALL_MODEL}\npandas_categorical:[["card", "wire", "cash"]]\n`);
  const { features, warnings } = await inspect(path);
  assert.deepEqual(features.find(({ name }) => name === 'kind')?.categories, ['card', 'wire', 'cash']);
  assert.match(warnings.join('\n'), /^the data frame .* had categories in "kind": requests carry their codes/m);
  assert.match((await runCli(['inspect', path])).stdout, /kind .*; 0 is "card", 1 is "wire", 2 is "cash"$/m);
});
