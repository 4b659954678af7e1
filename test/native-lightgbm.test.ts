/** LightGBM's C API as this project calls it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { parameterString } from '../src/native/parameters.js';
import { Random } from '../src/train/random.js';
import { type LightGBM, needsNative, openLightGBM } from './support/native.js';
import { projectRoot } from './support/project.js';

const conformance = join(projectRoot, 'test/data/conformance');
const PARAMETERS = {
  objective: 'binary',
  metric: ['auc', 'binary_logloss'],
  num_threads: 1,
  verbosity: -1,
  deterministic: true,
  force_row_wise: true,
};
const FEATURES = 4;

function randomRows(rows: number, seed: number): { values: Float64Array; label: Float64Array } {
  const random = new Random(seed);
  const values = Float64Array.from({ length: rows * FEATURES }, () => (random.chance(0.05) ? NaN : random.normal()));
  const label = Float64Array.from({ length: rows }, (_, row) =>
    Number((values[row * FEATURES] || 0) + values[row * FEATURES + 1] ** 2 + random.normal() > 1),
  );
  return { values, label };
}

function trainSmall(lightgbm: LightGBM) {
  const { values, label } = randomRows(1000, 1);
  const held = randomRows(500, 2);
  const train = lightgbm.dataset({
    values,
    rows: 1000,
    label,
    featureNames: ['one', 'two', 'three', 'x'.repeat(200)],
    parameters: PARAMETERS,
  });
  const validation = lightgbm.dataset({
    values: held.values,
    rows: 500,
    label: held.label,
    reference: train,
    parameters: PARAMETERS,
  });
  const booster = lightgbm.booster(train, PARAMETERS);
  booster.addValidation(validation);
  return { booster, train, validation, values, label };
}

test('the C API scores every conformance model as the reference does, bit for bit', needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const models = readdirSync(conformance).filter((name) => name.endsWith('.txt'));
  assert.ok(models.length > 10);
  for (const name of models) {
    const golden: { rows: number[][]; raw_score: (number | number[])[]; prediction: (number | number[])[] } =
      JSON.parse(readFileSync(join(conformance, name.replace('.txt', '.golden.json')), 'utf8'));
    using booster = lightgbm.load(readFileSync(join(conformance, name), 'utf8'));
    const rows = Float64Array.from(golden.rows.flat(), (value) => value ?? NaN);
    assert.deepEqual([...booster.predictRaw(rows)], golden.raw_score.flat(), name);
    assert.deepEqual([...booster.predict(rows)], golden.prediction.flat(), name);
  }
});

test(
  'a booster trains, evaluates, removes an iteration, and predicts as its own text does',
  needsNative(),
  async () => {
    const lightgbm = await openLightGBM();
    const { booster, values } = trainSmall(lightgbm);
    const aucs: number[] = [];
    for (let iteration = 0; iteration < 20; iteration++) {
      assert.equal(booster.update(), false);
      aucs.push(booster.evaluate(1)[0]);
    }
    assert.deepEqual(booster.metricNames(), ['auc', 'binary_logloss']);
    assert.deepEqual(booster.featureNames(), ['one', 'two', 'three', 'x'.repeat(200)]);
    assert.ok(aucs[19] > 0.75 && booster.evaluate(0)[0] > aucs[19]);
    assert.equal(booster.iterations, 20);

    using loaded = lightgbm.load(booster.saveModelToString());
    assert.deepEqual(loaded.predictRaw(values), booster.predictRaw(values));
    assert.deepEqual(loaded.predict(values, { iterations: 5 }), booster.predict(values, { iterations: 5 }));
    assert.equal(loaded.leaves(values).length, 20_000);
    assert.equal(
      booster.featureImportance('split').reduce((sum, count) => sum + count, 0),
      [...booster.saveModelToString().matchAll(/^num_leaves=(\d+)/gm)].reduce(
        (sum, [, leaves]) => sum + Number(leaves) - 1,
        0,
      ),
    );

    booster.rollback();
    assert.equal(booster.iterations, 19);
    assert.equal(booster.evaluate(1)[0], aucs[18]);
  },
);

test('contributions and the expected value add up to the raw score', needsNative(), async () => {
  const { booster, values } = trainSmall(await openLightGBM());
  for (let iteration = 0; iteration < 10; iteration++) booster.update();
  const raw = booster.predictRaw(values);
  const contributions = booster.contributions(values);
  for (const [row, score] of raw.entries()) {
    const sum = contributions.subarray(row * (FEATURES + 1), (row + 1) * (FEATURES + 1)).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - score) < 1e-10);
  }
});

test('data by column, by row and as a subset of all rows gives the same booster', needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const { values, label } = randomRows(800, 3);
  const columns = values.map((_, at) => values[(at % 800) * FEATURES + Math.floor(at / 800)]);
  const textOf = (dataset: ReturnType<LightGBM['dataset']>): string => {
    using booster = lightgbm.booster(dataset, PARAMETERS);
    booster.update();
    return booster.saveModelToString();
  };
  using byRow = lightgbm.dataset({ values, rows: 800, label, parameters: PARAMETERS });
  using byColumn = lightgbm.dataset({ values: columns, rows: 800, order: 'column', label, parameters: PARAMETERS });
  using all = byRow.subset(Int32Array.from({ length: 800 }, (_, row) => row));
  assert.equal(textOf(byColumn), textOf(byRow));
  assert.equal(textOf(all), textOf(byRow));
});

test('training works after its data sets were freed, and nothing works after free', needsNative(), async () => {
  const { booster, train, validation, values } = trainSmall(await openLightGBM());
  train.free();
  validation.free();
  train.free();
  booster.update();
  assert.equal(typeof booster.evaluate(1)[0], 'number');
  booster.free();
  booster.free();
  assert.throws(() => booster.predict(values), { message: 'this booster was freed already' });
});

test("an error gives LightGBM's own reason, without the place in its source", needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const { train } = trainSmall(lightgbm);
  assert.throws(() => lightgbm.load('tree\nnonsense\n'), {
    code: 'NATIVE_FAILED',
    message: "LightGBM: Model file doesn't specify the number of classes",
  });
  assert.throws(() => lightgbm.booster(train, { ...PARAMETERS, num_leaves: 1 }), {
    code: 'NATIVE_FAILED',
    message: 'LightGBM: Check failed: (num_leaves) > (1)',
  });
});

test('the listener receives warnings, one line each', needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const lines: string[] = [];
  lightgbm.onLog((line) => lines.push(line));
  const { values, label } = randomRows(100, 4);
  lightgbm.dataset({ values, rows: 100, label, parameters: { verbosity: 0, no_such_parameter: 1 } }).free();
  assert.deepEqual(lines, ['[LightGBM] [Warning] Unknown parameter: no_such_parameter']);
});

test('parameters with a space or an equals sign in them are refused; lists are joined by commas', () => {
  assert.equal(
    parameterString({ metric: ['auc', 'binary_logloss'], num_leaves: 31, deterministic: true }),
    'metric=auc,binary_logloss num_leaves=31 deterministic=true',
  );
  for (const parameters of [{ 'a b': 1 }, { a: 'x y=2' }, { 'a=b': 1 }, { '': 1 }])
    assert.throws(() => parameterString(parameters), { code: 'USAGE' });
});

test('loading and freeing models does not leak memory', needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const text = readFileSync(join(conformance, 'leaves_255.txt'), 'utf8');
  const row = new Float64Array(15);
  const cycle = (times: number): void => {
    for (let time = 0; time < times; time++) {
      using booster = lightgbm.load(text);
      booster.predictRaw(row);
      using single = booster.singleRowFast();
      single.predict(row);
    }
  };
  cycle(20);
  const before = process.memoryUsage().rss;
  cycle(200);
  // 200 copies of this model would take more than 300 MB.
  assert.ok(process.memoryUsage().rss - before < 60_000_000, `${(process.memoryUsage().rss - before) / 1e6} MB`);
});
