/** Training from data to artifact. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { fetchArtifact } from '../src/loading/fetch.js';
import { calibrate } from '../src/artifact/calibrator.js';
import { FolderStore } from '../src/store/folder.js';
import { generateDataSet } from '../src/train/data-set.js';
import { FEATURE_NAMES, LABEL_NAME, SPLITS } from '../src/train/features.js';
import { GATE_LIMITS } from '../src/train/gate.js';
import { fitIsotonic } from '../src/train/isotonic.js';
import { countPositives, labelledRows, takeRows } from '../src/train/labelled-rows.js';
import { writeParquet } from '../src/train/parquet.js';
import { stratifiedParts } from '../src/train/partition.js';
import { trainArtifact, type TrainOptions } from '../src/train/pipeline.js';
import { readBaseline } from '../src/train/baseline.js';
import { fromJson, type SelfCheck } from '../src/train/self-check.js';
import type { Table } from '../src/train/table.js';
import { MIN_CALIBRATION_FRAUDS } from '../src/train/verdict.js';
import { needsNative, openLightGBM } from './support/native.js';

const folder = await mkdtemp(join(tmpdir(), 'lightscore-train-'));
after(async () => await rm(folder, { recursive: true }));

const { tables } = generateDataSet({ rows: 15_000, fraudRate: 0.032, seed: 7 });
const NO_WHOLE_COLUMNS = new Set<string>();

function dataOf(changed: Partial<Record<(typeof SPLITS)[number], Table>> = {}): TrainOptions['data'] {
  const files = new Map(
    SPLITS.map((split) => [`${split}.parquet`, writeParquet(changed[split] ?? tables[split], NO_WHOLE_COLUMNS)]),
  );
  return { location: 'data', synthetic: true, read: async (name) => await Promise.resolve(files.get(name)) };
}

function options(more: Partial<TrainOptions> & Pick<TrainOptions, 'version'>, lines: string[] = []): TrainOptions {
  return {
    data: dataOf(),
    labelName: LABEL_NAME,
    out: join(folder, 'models'),
    parameters: { num_iterations: 60, early_stopping_round: 10 },
    threads: 1,
    folds: 0,
    imbalance: 'none',
    force: false,
    gate: undefined,
    now: new Date('2024-01-15T10:00:00Z'),
    progress: { line: (text) => lines.push(text), status: (text, milestone) => milestone && lines.push(text) },
    ...more,
  };
}

const readJson = async <T>(path: string): Promise<T> => {
  const value: T = JSON.parse(await readFile(path, 'utf8'));
  return value;
};

test(
  'an artifact is complete and verifiable, and its calibrator was fitted on rows the booster has not seen',
  needsNative(),
  async () => {
    const lightgbm = await openLightGBM();
    const { folder: written } = await trainArtifact(lightgbm, options({ version: 'v1.0.0' }));
    assert.deepEqual((await readdir(written)).toSorted(), [
      'calibrator.json',
      'lightgbm_model.txt',
      'metadata.json',
      'model_card.md',
      'report.html',
      'self_check.json',
    ]);

    const { modelText, calibrator, metadata, files, warnings } = await fetchArtifact(
      new FolderStore(join(folder, 'models')),
      'v1.0.0',
      { requireChecksums: true },
    );
    assert.deepEqual(warnings, []);
    assert.ok(files.every(({ name, verified }) => verified || name === 'metadata.json'));
    assert.deepEqual(metadata.featureNames, FEATURE_NAMES);
    assert.equal(metadata.fields['training_date'], '2024-01-15T10:00:00Z');

    using booster = lightgbm.load(Buffer.from(modelText).toString());
    const validation = labelledRows(tables.validation, FEATURE_NAMES, LABEL_NAME);
    const [, unseen] = stratifiedParts(validation.labels, 2, 42).map((part) => takeRows(validation, part));
    const refitted = fitIsotonic({ scores: booster.predict(unseen.values), labels: unseen.labels });
    assert.deepEqual(calibrator, refitted);

    const { values, labels, rows } = labelledRows(tables.test, FEATURE_NAMES, LABEL_NAME);
    const scores = booster.predict(values).map((p) => calibrate(calibrator, p));
    const share = countPositives(labels) / rows;
    const mean = scores.reduce((sum, score) => sum + score, 0) / rows;
    assert.ok(Math.abs(mean - share) < 0.01, `mean score ${mean}, share of frauds ${share}`);
  },
);

test(
  'metadata has the fields of the Python service, and those that make the model reproducible',
  needsNative(),
  async () => {
    const lines: string[] = [];
    const { folder: written, run } = await trainArtifact(
      await openLightGBM(),
      options({ version: 'v1.1.0', folds: 3 }, lines),
    );
    const metadata: Record<string, Record<string, number>> = await readJson(join(written, 'metadata.json'));
    for (const split of ['training_metrics', 'validation_metrics', 'test_metrics']) {
      const { before, after: calibrated } =
        run.splits[['training_metrics', 'validation_metrics', 'test_metrics'].indexOf(split)];
      assert.ok(
        Math.abs(metadata[split]['auc_pr'] - before.auc_pr) < 1e-6 &&
          Math.abs(metadata[split]['calibration_error'] - calibrated.calibration_error) < 1e-6,
        split,
      );
      for (const metric of ['auc_roc', 'auc_pr', 'precision_at_10pct_recall', 'calibration_error']) {
        assert.ok(metadata[split][metric] >= 0 && metadata[split][metric] <= 1, `${split}.${metric}`);
      }
    }
    assert.deepEqual(metadata['parameters'], {
      objective: 'binary',
      metric: 'auc',
      boosting: 'gbdt',
      num_leaves: 31,
      learning_rate: 0.05,
      feature_fraction: 0.9,
      bagging_fraction: 0.8,
      bagging_freq: 5,
      seed: 42,
      deterministic: true,
      force_row_wise: true,
      verbosity: -1,
      num_threads: 1,
      num_iterations: 60,
      early_stopping_round: 10,
    });
    assert.equal(Object.keys(metadata['feature_statistics']).length, 15);
    assert.ok(
      metadata['cross_validation']['auc_roc_mean'] > 0.7 &&
        metadata['cross_validation']['auc_roc_standard_deviation'] < 0.1,
    );
    assert.equal(run.crossValidation?.folds, 3);
    const card = await readFile(join(written, 'model_card.md'), 'utf8');
    const page = await readFile(join(written, 'report.html'), 'utf8');
    const auc = run.splits[2].after.auc_roc.toFixed(4);
    assert.ok(
      lines.some((line) => line.startsWith(`test: as served: AUC-ROC ${auc}, `)),
      lines.join('\n'),
    );
    assert.ok(
      card.includes(`- **AUC-ROC**: ${auc} `) && page.includes(`AUC-ROC<b>${auc}</b>`),
      'card and report have the same headline',
    );
    const frauds = run.calibration.frauds;
    assert.ok(frauds > 0 && frauds < MIN_CALIBRATION_FRAUDS);
    assert.ok(
      lines.some((line) => line.startsWith(`warning: The calibrator was fitted on ${frauds} frauds, `)),
      lines.join('\n'),
    );
    assert.ok(
      lines.some((line) => /^cross-validation \(3 folds\): AUC 0\.\d{4} \+- 0\.\d{4} at iteration \d+$/.test(line)),
      lines.join('\n'),
    );
  },
);

test("the self-check has LightGBM's scores of ordinary and hostile rows", needsNative(), async () => {
  const lightgbm = await openLightGBM();
  const { folder: written } = await trainArtifact(lightgbm, options({ version: 'v1.2.0' }));
  const check: SelfCheck = await readJson(join(written, 'self_check.json'));
  using booster = lightgbm.load(await readFile(join(written, 'lightgbm_model.txt'), 'utf8'));
  const rows = Float64Array.from(check.rows.flat(), fromJson);
  assert.equal(check.rows.length, 100);
  for (const odd of [NaN, Infinity, -Infinity])
    assert.ok(
      rows.some((value) => Object.is(value, odd)),
      `${odd}`,
    );
  assert.deepEqual(booster.predictRaw(rows), Float64Array.from(check.raw_score));
  assert.deepEqual(booster.contributions(rows), Float64Array.from(check.contributions.flat()));
});

test(
  'the same data, parameters and date give the same bytes; another seed gives another model',
  needsNative(),
  async () => {
    const lightgbm = await openLightGBM();
    const bytes = async (out: string, seed: number): Promise<Map<string, string>> => {
      const { folder: written } = await trainArtifact(
        lightgbm,
        options({ version: 'v1', out: join(folder, out), parameters: { num_iterations: 20, seed } }),
      );
      const names = (await readdir(written)).toSorted();
      return new Map(
        await Promise.all(names.map(async (name) => [name, await readFile(join(written, name), 'utf8')] as const)),
      );
    };
    const first = await bytes('again-1', 1);
    assert.deepEqual(await bytes('again-2', 1), first);
    assert.notEqual((await bytes('again-3', 2)).get('lightgbm_model.txt'), first.get('lightgbm_model.txt'));
  },
);

for (const imbalance of ['weight', 'undersample'] as const) {
  test(`calibration undoes --imbalance ${imbalance}, and the model card says so`, needsNative(), async () => {
    const { run, folder: written } = await trainArtifact(
      await openLightGBM(),
      options({ version: `v1-${imbalance}`, imbalance }),
    );
    const { before, after: calibrated } = run.splits[SPLITS.indexOf('test')];
    assert.ok(
      before.calibration_error > 0.03 && calibrated.calibration_error < 0.02,
      `${before.calibration_error}, ${calibrated.calibration_error}`,
    );
    assert.match(run.calibration.note, /it also undoes what the (weighting|sampling) does/);
    assert.ok((await readFile(join(written, 'model_card.md'), 'utf8')).includes(run.calibration.note));
  });
}

test(
  'the gate accepts an equal model, and refuses a worse one with a table and without writing it',
  needsNative(),
  async () => {
    const lightgbm = await openLightGBM();
    const { folder: good } = await trainArtifact(lightgbm, options({ version: 'v2.0.0' }));
    const baseline = await readBaseline(good);
    const lines: string[] = [];
    await trainArtifact(
      lightgbm,
      options(
        { version: 'v2.0.1', gate: { baseline, limits: { aucRocDrop: 0, aucPrDrop: 0, calibrationErrorRise: 0 } } },
        lines,
      ),
    );
    assert.ok(
      lines.some((line) => /^AUC-ROC +0\.\d{4} +0\.\d{4} +0\.0000 +0\.0000 +ok$/.test(line)),
      lines.join('\n'),
    );

    const worse = options(
      { version: 'v2.0.2', parameters: { num_iterations: 1, num_leaves: 2 }, gate: { baseline, limits: GATE_LIMITS } },
      lines,
    );
    await assert.rejects(trainArtifact(lightgbm, worse), {
      code: 'GATE_REFUSED',
      message: new RegExp(
        '^v2\\.0\\.2 is worse than v2\\.0\\.0 and was not written: ' +
          'AUC-ROC 0\\.\\d{4} against 0\\.\\d{4} \\(limit 0\\.002\\); AUC-PR ',
      ),
    });
    assert.ok(lines.some((line) => /^AUC-ROC .* REFUSED$/.test(line)));
    assert.deepEqual(
      (await readdir(join(folder, 'models'))).filter((name) => name.includes('v2.0.2')),
      [],
    );
  },
);

test(
  'waivable violations are reported together, and --force waives them, which the metadata records',
  needsNative(),
  async () => {
    const lightgbm = await openLightGBM();
    const small = {
      ...tables.train,
      rows: 2000,
      columns: tables.train.columns.map((values, index) =>
        index === 0 ? values.slice(0, 2000).fill(-1, 0, 3) : values.slice(0, 2000),
      ),
    };
    const faulty = { data: dataOf({ train: small }), version: 'v3.0.0', parameters: { num_iterations: 5 } };
    await assert.rejects(trainArtifact(lightgbm, options(faulty)), (error: unknown) => {
      assert.ok(error instanceof Error);
      const [heading, ...violations] = error.message.split('\n').map((line) => line.trim());
      assert.equal(heading, 'data: the data cannot be trained on');
      assert.equal(violations[0], 'train.parquet: 2000 rows, at least 10000 are required (--force waives this)');
      assert.ok(
        violations.includes(
          'train.parquet: column age: 3 of 2000 values are outside 16 to 110 (row 1: -1) (--force waives this)',
        ),
        error.message,
      );
      return true;
    });
    const { folder: written } = await trainArtifact(lightgbm, options({ ...faulty, force: true }));
    const metadata: { training_data: { waived_checks: string[] } } = await readJson(join(written, 'metadata.json'));
    assert.ok(metadata.training_data.waived_checks.includes('train.parquet: 2000 rows, at least 10000 are required'));
  },
);

test('every file that cannot be read is named, and nothing is written', needsNative(), async () => {
  const whole = dataOf();
  const data: TrainOptions['data'] = {
    ...whole,
    read: async (name) => {
      if (name === 'train.parquet') return (await whole.read(name))?.subarray(0, 5000);
      if (name.startsWith('validation'))
        return name.endsWith('.csv') ? Buffer.from('age,is_fraud\n1,old\n') : undefined;
      return await whole.read(name);
    },
  };
  await assert.rejects(trainArtifact(await openLightGBM(), options({ version: 'v4.0.0', data })), (error: unknown) => {
    assert.ok(error instanceof Error);
    const [train, validation, ...others] = error.message.split('\n');
    assert.match(train, /^train\.parquet: is not a readable Parquet file /);
    assert.equal(validation, 'validation.csv: column is_fraud, row 1: text "old", expected a number');
    assert.deepEqual(others, []);
    return true;
  });
  assert.deepEqual(
    (await readdir(join(folder, 'models'))).filter((name) => name.includes('v4')),
    [],
  );
});

test('an existing version is refused before anything is trained', needsNative(), async () => {
  await trainArtifact(await openLightGBM(), options({ version: 'v5.0.0', parameters: { num_iterations: 2 } }));
  const lines: string[] = [];
  await assert.rejects(trainArtifact(await openLightGBM(), options({ version: 'v5.0.0' }, lines)), {
    code: 'VERSION_EXISTS',
  });
  assert.deepEqual(lines, []);
});

test('an interrupted run is an error, and writes nothing', needsNative(), async () => {
  const stop = new AbortController();
  const progress = { line: () => undefined, status: () => stop.abort() };
  await assert.rejects(
    trainArtifact(await openLightGBM(), options({ version: 'v6.0.0', progress, signal: stop.signal })),
    {
      code: 'INTERRUPTED',
      message: 'interrupted at iteration 2: nothing was written',
    },
  );
  assert.deepEqual(
    (await readdir(join(folder, 'models'))).filter((name) => name.includes('v6')),
    [],
  );
});
