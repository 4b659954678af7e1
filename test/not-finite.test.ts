/** Rows whose numbers JSON cannot hold: refused with 422 and the reason, on every path. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { criticalRows } from '../src/model/critical-rows.js';
import { parseBooster } from '../src/model/parse.js';
import { runCli } from './support/cli-process.js';
import { LINEAR_MODEL, SMALL_MODEL } from './support/model-text.js';
import { type ServerProcess, startServer } from './support/server.js';

async function serve(t: TestContext, modelText: string, featureNames: readonly string[]): Promise<ServerProcess> {
  const models = mkdtempSync(join(tmpdir(), 'lightscore-not-finite-'));
  t.after(() => rmSync(models, { recursive: true }));
  const version = join(models, 'v1.0.0');
  mkdirSync(version);
  const metadata = { model_version: 'v1.0.0', calibration_version: 'none', feature_names: featureNames };
  writeFileSync(join(version, 'lightgbm_model.txt'), modelText);
  writeFileSync(join(version, 'calibrator.json'), '{"type": "sigmoid", "a": -1, "b": 0, "input": "raw"}');
  writeFileSync(join(version, 'metadata.json'), JSON.stringify(metadata));
  const server = await startServer({ MODEL_DIR: models });
  t.after(() => server.stop());
  return server;
}

test('a linear tree that overflows: its row is a 422, whatever a calibrator would make of it', async (t) => {
  const server = await serve(t, LINEAR_MODEL, ['a', 'b']);
  const finite = { features: [0.5, 1] };
  const infinite = { features: [-1e308, -1e308] };
  assert.equal((await server.score(finite)).status, 200);
  for (const body of [infinite, { ...infinite, feature_names: ['a', 'b'] }]) {
    const { status, json } = await server.score({ ...body, request_id: 'r-1' });
    assert.equal(status, 422, JSON.stringify(json));
    assert.match(String(json['detail']), /^The raw score is -?Infinity, and not a finite number\.$/);
    assert.equal(json['request_id'], 'r-1');
  }
  for (const path of ['/score_batch', '/score_batch?top_k=2']) {
    const { status, json } = await server.score([finite, finite, infinite], path);
    assert.equal(status, 422);
    assert.match(String(json['detail']), /^Item 2: The raw score is -?Infinity/);
  }
  assert.equal(server.logs.filter(({ level }) => level === 50).length, 0);
});

test('a leaf that is not finite: warned of, its rows are refused, and SHAP values with the reason', async (t) => {
  const text = SMALL_MODEL.replace(/leaf_value=\S+/, 'leaf_value=-nan');
  const server = await serve(t, text, ['amount', 'kind', 'age']);
  assert.match(
    String((await server.event('artifact_warning'))['msg']),
    /tree 0 has a leaf whose value is not a finite/,
  );
  const { status, json } = await server.score({ features: [0, 0, 0] }, '/score?explain=shap');
  assert.equal(status, 400);
  assert.match(
    String(json['detail']),
    /^Model v1\.0\.0 has no SHAP values: tree 0 has a leaf .* Ask with explain=importance/,
  );
  const booster = parseBooster(text);
  const { rows, raw, count } = criticalRows(booster, 60);
  const answers = new Set<number>();
  for (let r = 0; r < count; r++) {
    const row = rows.subarray(3 * r, 3 * r + 3);
    if (row.some((value) => Math.abs(value) === Infinity)) continue;
    const features = Array.from(row, (value) => (Number.isNaN(value) ? null : value));
    const answer = await server.score({ features });
    assert.equal(answer.status, Number.isNaN(raw[r]) ? 422 : 200);
    answers.add(answer.status);
  }
  assert.equal(answers.size, 2);
});

test('contributions that overflow are a 422, though the score is finite', async (t) => {
  let leaf = 0;
  const huge = SMALL_MODEL.replaceAll(/leaf_value=(.*)/g, (_, list: string) => {
    const values = list.split(' ').map(() => (leaf++ % 2 === 0 ? '1.7e308' : '-1.7e308'));
    return `leaf_value=${values.join(' ')}`;
  });
  const server = await serve(t, huge, ['amount', 'kind', 'age']);
  const seen = new Set<number>();
  for (const amount of [-5, 0, 1, 5, 9]) {
    for (const kind of [0, 1, 33]) {
      const { status, text } = await server.score({ features: [amount, kind, 0.5] }, '/score?explain=shap');
      seen.add(status);
      assert.doesNotThrow(() => JSON.parse(text));
    }
  }
  assert(seen.has(422));
});

test('lightscore score refuses such a row by its number', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-not-finite-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'model.txt');
  writeFileSync(file, LINEAR_MODEL);
  const { code, stderr } = await runCli(['score', '--model', file, '--rows', '-', '--raw'], {
    input: '[[0.5, 1], [-1e308, -1e308]]',
  });
  assert.equal(code, 1);
  assert.match(stderr, /the score of row 1 is -Infinity, which JSON cannot/);
});
