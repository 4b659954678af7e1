/** Scores over HTTP are LightGBM's and scikit-learn's own. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { calibrate } from '../src/artifact/calibrator.js';
import { readPickledCalibrator } from '../src/artifact/scikit-learn.js';
import { close, inParallel, readGolden } from './support/golden.js';
import { needsNative, openLightGBM } from './support/native.js';
import { S3_CREDENTIALS, startS3Server } from './support/s3-server.js';
import { type Environment, MODELS, type ServerProcess, startServer } from './support/server.js';

const golden = readGolden();

/** Scores all golden rows, 64 requests at a time, each with its own request_id. */
async function checkScores(server: ServerProcess, expected: readonly number[], version: string): Promise<void> {
  let wrong = 0;
  await inParallel(golden.rows.length, 64, async (row) => {
    const { status, text, scored } = await server.score({ features: golden.rows[row], request_id: `golden-${row}` });
    assert.equal(status, 200, text);
    assert.equal(scored.request_id, `golden-${row}`);
    assert.equal(scored.model_version, version);
    assert.equal(scored.calibration_version, version);
    if (!close(scored.confidence_score, expected[row])) wrong++;
  });
  assert.equal(wrong, 0, `${wrong} of ${golden.rows.length} rows have another score`);
}

const SETTINGS: readonly Environment[] = [
  { SCORING: 'pool', WORKERS: '1' },
  { SCORING: 'pool', WORKERS: '2' },
  { SCORING: 'pool', WORKERS: '4' },
  { SCORING: 'auto', WORKERS: '2' },
  { SCORING: 'inline', WORKERS: '1' },
];
for (const setting of SETTINGS) {
  test(`64 requests at a time get LightGBM's calibrated scores, ${JSON.stringify(setting)}`, async (t) => {
    const server = await startServer(setting);
    t.after(() => server.stop());
    await checkScores(server, golden.calibrated, 'v1.0.0');
    assert.equal(
      await server.metric('lightscore_workers'),
      Math.max(Number(setting['WORKERS']), Number(process.env['ACCEPTORS'] ?? 1)),
    );
    const inline = await server.metric('lightscore_inline_batches_total');
    if (setting['SCORING'] === 'pool') assert.equal(inline, 0);
    else assert(inline > 0);
  });
}

test('a batch request gets the same scores in the same order', async (t) => {
  const server = await startServer({ WORKERS: '2' });
  t.after(() => server.stop());
  const { status, scoredBatch } = await server.score(
    golden.rows.map((features, row) => ({ features, request_id: `row-${row}` })),
    '/score_batch',
  );
  assert.equal(status, 200);
  assert.equal(scoredBatch.length, golden.rows.length);
  for (const [row, answer] of scoredBatch.entries()) {
    assert.equal(answer.request_id, `row-${row}`);
    assert(close(answer.confidence_score, golden.calibrated[row]), `row ${row}`);
  }
});

test("explain=shap answers LightGBM's contributions, which add up to the raw score", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const names = golden.feature_names;
  const check = (
    row: number,
    { top_features, expected_value, confidence_score }: Awaited<ReturnType<ServerProcess['score']>>['scored'],
  ): void => {
    const expected = golden.contributions[row];
    assert.equal(top_features.length, names.length);
    assert(close(confidence_score, golden.calibrated[row]));
    assert(expected_value !== undefined && close(expected_value, expected[names.length]), `row ${row}: expected value`);
    let sum = expected_value;
    for (const [place, { feature_name, feature_value, contribution, importance }] of top_features.entries()) {
      const feature = names.indexOf(feature_name);
      assert(
        close(contribution, expected[feature]),
        `row ${row}, ${feature_name}: ${contribution}, LightGBM ${expected[feature]}`,
      );
      assert.equal(feature_value, golden.rows[row][feature]);
      assert.equal(importance, golden.split_importance[feature]);
      if (place > 0) assert(Math.abs(contribution) <= Math.abs(top_features[place - 1].contribution), 'largest first');
      sum += contribution;
    }
    assert(
      Math.abs(sum - golden.raw_score[row]) <= 1e-12 * Math.max(1, Math.abs(golden.raw_score[row])),
      `row ${row}: ${sum}, raw score ${golden.raw_score[row]}`,
    );
  };
  await inParallel(golden.contributions.length, 16, async (row) => {
    const { status, text, scored } = await server.score({ features: golden.rows[row] }, '/score?explain=shap&top_k=15');
    assert.equal(status, 200, text);
    check(row, scored);
  });
  const batch = await server.score(
    golden.rows.slice(0, golden.contributions.length).map((features) => ({ features })),
    '/score_batch?top_k=15&explain=shap',
  );
  for (const [row, answer] of batch.scoredBatch.entries()) check(row, answer);
});

test('another version is served as well: v1.1.0', needsNative(), async (t) => {
  const server = await startServer({ MODEL_VERSION: 'v1.1.0' });
  t.after(() => server.stop());
  const folder = join(MODELS, 'v1.1.0');
  const calibrator = readPickledCalibrator(readFileSync(join(folder, 'calibrator.pkl')), 'calibrator.pkl');
  const booster = (await openLightGBM()).load(readFileSync(join(folder, 'lightgbm_model.txt'), 'utf8'));
  const values = Float64Array.from(golden.rows.flat(), (value) => value ?? NaN);
  const probabilities = Array.from(booster.predict(values));
  booster.free();
  await checkScores(
    server,
    probabilities.map((p) => calibrate(calibrator, p)),
    'v1.1.0',
  );
});

test('the S3 store serves the same artifacts: the highest version, and the one that is named', async (t) => {
  const s3 = await startS3Server('fraud-models');
  t.after(() => s3.close());
  for (const version of ['v1.0.0', 'v1.1.0']) {
    for (const file of readdirSync(join(MODELS, version)))
      await s3.put(`models/${version}/${file}`, readFileSync(join(MODELS, version, file)));
  }
  const env: Environment = {
    ...S3_CREDENTIALS,
    AWS_REGION: 'ca-central-1',
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    MODEL_S3_BUCKET: 'fraud-models',
    MODEL_DIR: undefined,
  };
  const named = await startServer(env);
  t.after(() => named.stop());
  await checkScores(named, golden.calibrated, 'v1.0.0');
  const highest = await startServer({ ...env, MODEL_VERSION: undefined });
  t.after(() => highest.stop());
  assert.equal((await highest.request('/healthz')).json['model_version'], 'v1.1.0');
});
