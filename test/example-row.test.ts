/** The row that `/docs`, the OpenAPI document and the start of the server show as an example. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readMetadata } from '../src/artifact/metadata.js';
import { exampleRow } from '../src/loading/example-row.js';
import type { Booster } from '../src/model/booster.js';
import { rowFromSplits } from '../src/model/example-row.js';
import { parseBooster } from '../src/model/parse.js';
import { projectRoot } from './support/project.js';

function read(path: string): Buffer {
  return readFileSync(join(projectRoot, path));
}

function rowOf(folder: string): Record<string, number> {
  const booster = parseBooster(read(`${folder}/lightgbm_model.txt`).toString());
  const { metadata } = readMetadata(read(`${folder}/metadata.json`), 'metadata.json');
  const row = exampleRow(booster, metadata.featureNames, metadata);
  return Object.fromEntries(metadata.featureNames.map((name, i) => [name, row[i]]));
}

const WHOLE = ['age', 'phone_reuse_count', 'email_reuse_count', 'dealer_app_volume_24h'];

for (const folder of ['models/v1.0.0', 'test/data/models/v1.0.0', 'test/data/models/v1.1.0']) {
  test(`${folder}: an application as it could be: flags, categories and counts are whole, ratios are ratios`, () => {
    const row = rowOf(folder);
    for (const name of Object.keys(row).filter((each) => /_flag$|_mismatch$/.test(each)))
      assert.ok(row[name] === 0 || row[name] === 1, `${name} is ${row[name]}`);
    for (const name of WHOLE) assert.ok(Number.isInteger(row[name]) && row[name] >= 0, `${name} is ${row[name]}`);
    assert.ok([0, 1, 2, 3, 4].includes(row['email_domain_category']), `${row['email_domain_category']}`);
    assert.ok(row['age'] >= 16 && row['age'] <= 110, `${row['age']}`);
    for (const name of ['dealer_fraud_percentile', 'mileage_plausibility_score'])
      assert.ok(row[name] > 0 && row[name] < 1, `${name} is ${row[name]}`);
  });
}

test("the metadata's medians are taken where there are any, by name, and a whole number is not rounded", () => {
  const booster = parseBooster(read('models/v1.0.0/lightgbm_model.txt').toString());
  const names = booster.featureNames;
  const metadata = (statistics: unknown) =>
    readMetadata(
      Buffer.from(
        JSON.stringify({
          model_version: 'v1',
          calibration_version: 'v1',
          feature_names: names,
          feature_statistics: statistics,
        }),
      ),
      'metadata.json',
    ).metadata;
  const deciles = (median: number): unknown => ({ deciles: [0, 1, 2, 3, 4, median, 6, 7, 8, 9, 10] });
  const fromSplits = rowFromSplits(booster);
  const mixed = exampleRow(booster, names, metadata({ [names[2]]: deciles(123_456), [names[10]]: deciles(1.234567) }));
  assert.deepEqual(
    mixed,
    fromSplits.map((value, i) => (i === 2 ? 123_456 : i === 10 ? 1.235 : value)),
  );
  for (const odd of [undefined, null, 5, [], { [names[0]]: null }, { [names[0]]: { deciles: null } }])
    assert.deepEqual(exampleRow(booster, names, metadata(odd)), fromSplits, JSON.stringify(odd));
});

test('a categorical feature gets a category that the model knows, and one without splits 0', () => {
  const booster: Booster = parseBooster(read('test/data/conformance/categorical.txt').toString());
  for (const value of rowFromSplits(booster)) assert.ok(Number.isFinite(value));
  const categorical = new Set(
    booster.trees.flatMap((tree) =>
      Array.from(tree.splitFeature).filter((_, node) => (tree.decisionType[node] & 1) === 1),
    ),
  );
  assert.ok(categorical.size > 0);
  const row = rowFromSplits(booster);
  for (const feature of categorical) assert.ok(Number.isInteger(row[feature]) && row[feature] >= 0, `${feature}`);
  const bare = { ...booster, trees: [] };
  assert.deepEqual(
    rowFromSplits(bare),
    Array.from({ length: booster.featureCount }, () => 0),
  );
});
