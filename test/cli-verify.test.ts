/** `lightscore verify`. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareWithLightGBM, hostileRows } from '../src/commands/verify.js';
import { applicableStrategies } from '../src/model/image.js';
import { parseBooster } from '../src/model/parse.js';
import { neighbour } from '../src/model/critical-rows.js';
import { runCli } from './support/cli-process.js';
import { LINEAR_MODEL, SMALL_MODEL } from './support/model-text.js';
import { needsNative, openLightGBM } from './support/native.js';
import { projectRoot } from './support/project.js';

const data = join(projectRoot, 'test/data');
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lightscore-verify-'));
});
after(() => rm(folder, { recursive: true }));

test('the models of the repository agree with LightGBM, and the command says so', needsNative(), async () => {
  for (const path of [
    'models/v1.0.0',
    'models/v1.1.0',
    'conformance/categorical.txt',
    'conformance/linear_tree.txt',
    'conformance/multiclass.txt',
  ]) {
    const { code, stdout, stderr } = await runCli(['verify', join(data, path), '--rows', '500']);
    assert.equal(stderr, '', path);
    assert.equal(code, 0, path);
    assert.match(stdout, /agree bit for bit/, path);
  }
  const { stdout } = await runCli(['verify', join(data, 'models/v1.0.0'), '--rows', '12']);
  const booster = parseBooster(await readFile(join(data, 'models/v1.0.0/lightgbm_model.txt'), 'utf8'));
  for (const strategy of applicableStrategies(booster))
    assert.match(stdout, new RegExp(`\\n {2}${strategy} +[\\d,]+ rows, raw scores identical`));
});

test('a model that LightGBM reads differently is a disagreement: exit code 1', needsNative(), async () => {
  // LightGBM stops reading a tree after 22 fields, so it never sees that these leaves are linear.
  const unknown = Array.from({ length: 8 }, (_, i) => `note_${i}=x`).join('\n');
  const file = join(folder, 'many-fields.txt');
  await writeFile(file, LINEAR_MODEL.replace(/tree_sizes=.*\n/, '').replace('is_linear=1', `${unknown}\nis_linear=1`));
  const { code, stdout, stderr } = await runCli(['verify', file]);
  assert.equal(code, 1);
  assert.match(stdout, /walk +[\d,]+ rows?|raw scores of/);
  assert.match(stdout, /raw scores of [\d,]+ rows differ, first row \d+: \S+, LightGBM \S+/);
  assert.match(stderr, /^lightscore: .*many-fields\.txt: walk and LightGBM disagree\n$/);
});

test('a model with CRLF line ends, whose tree_sizes are therefore wrong, is compared', needsNative(), async () => {
  const file = join(folder, 'crlf.txt');
  await writeFile(file, (await readFile(join(data, 'conformance/categorical.txt'), 'utf8')).replaceAll('\n', '\r\n'));
  const { code, stdout, stderr } = await runCli(['verify', file, '--rows', '100']);
  assert.equal(stderr, '');
  assert.match(stdout, /agree bit for bit/);
  assert.equal(code, 0);
});

test('one leaf off by its last bit is found in every strategy', needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const off = SMALL_MODEL.replace('leaf_value=0.0625 0.75 -0.375', `leaf_value=0.0625 0.75 ${neighbour(-0.375, 1)}`);
  const booster = parseBooster(off);
  const rows = hostileRows(booster, { count: 1000, seed: 1 });
  const same = [...compareWithLightGBM(lightgbm, booster, off, rows)];
  assert.deepEqual(
    same.map(({ strategy, different, rows: count }) => [strategy, different, count]),
    applicableStrategies(booster).map((strategy) => [strategy, 0, rows.length / 3]),
  );
  for (const { strategy, different, example } of compareWithLightGBM(lightgbm, booster, SMALL_MODEL, rows)) {
    assert.ok(different > 0 && example !== undefined && example.kernel !== example.lightgbm, strategy);
  }
});

test('rows are the same for the same seed, and contain every critical value', () => {
  const booster = parseBooster(SMALL_MODEL);
  assert.deepEqual(hostileRows(booster, { count: 100, seed: 3 }), hostileRows(booster, { count: 100, seed: 3 }));
  assert.notDeepEqual(hostileRows(booster, { count: 100, seed: 3 }), hostileRows(booster, { count: 100, seed: 4 }));
  const first = hostileRows(booster, { count: 0, seed: 1 }).filter((_, i) => i % 3 === 0);
  for (const value of [0.5, neighbour(0.5, 1), neighbour(0.5, -1), -2.25, NaN, 0, -0, Infinity, -Infinity])
    assert.ok(
      first.some((x) => Object.is(x, value)),
      String(value),
    );
});

test('mistakes are one line: no model is exit code 1, wrong usage 2', async () => {
  const missing = await runCli(['verify', join(folder, 'nowhere')]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^lightscore: .*nowhere: does not exist\n$/);
  assert.equal((await runCli(['verify'])).code, 2);
  assert.equal((await runCli(['verify', folder, '--rows', 'many'])).code, 2);
});
