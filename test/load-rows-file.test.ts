/** Rows of a load test: from files in every form, and drawn from a model. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { DoesNotFit } from '../loadtest/traffic/does-not-fit.js';
import { rowsAround, rowsOfModel } from '../loadtest/traffic/drawn-rows.js';
import { readRowsFile, rowsFor } from '../loadtest/traffic/rows-file.js';
import { parseBooster } from '../src/model/parse.js';
import { findLeaf } from '../src/model/tree-walk.js';
import { projectRoot } from './support/project.js';

const folder = mkdtempSync(join(tmpdir(), 'lightscore-rows-'));
after(() => rmSync(folder, { recursive: true }));

function read(text: string): ReturnType<typeof readRowsFile> {
  const file = join(folder, 'rows');
  writeFileSync(file, text);
  return readRowsFile(file);
}

const NAMES = ['a', 'b'];

describe('a file of rows', () => {
  test('may be a JSON array, JSON lines or CSV, of values, of objects by feature or of bodies of /score', () => {
    const expected = [
      [1, null],
      [2.5, -3],
    ];
    for (const text of [
      '[[1, null], [2.5, -3]]',
      '[1, null]\n[2.5, -3]\n',
      '\uFEFF[{"a": 1, "b": null}, {"b": -3, "a": 2.5}]',
      '{"b": null, "a": 1}\n\n{"a": 2.5, "b": -3}',
      '[{"features": [1, null]}, {"features": [2.5, -3], "request_id": "x"}]',
      '{"features": [null, 1], "feature_names": ["b", "a"]}\n{"features": [2.5, -3], "feature_names": ["a", "b"]}',
      'a,b\n1,\n2.5,-3\n',
      'label,b,a\n0,nan,1\n1,-3,2.5\n',
    ])
      assert.deepEqual(rowsFor(NAMES, read(text)), expected, text);
    assert.deepEqual(rowsFor(NAMES, read('[true, 0]')), [[1, 0]]);
  });

  test('is refused in one sentence that names the row', () => {
    for (const [text, reason] of [
      ['', /is empty$/],
      ['[]', /has no rows$/],
      ['a,b\n', /has no rows$/],
      ['[[1, "x"]]', /row 1, value 2 is "x", expected a number or null$/],
      ['[1, 2]\n{"a": 1, "b": 2}', /row 2: some rows name their features and some do not$/],
      ['{"a": 1, "b": 2}\n{"a": 1}', /row 2 lacks "b", which the first row has$/],
      ['[1, 2]\nnonsense', /line 2 is no JSON$/],
      ['[[1, 2], 3]', /row 1, value 1 is \[1,2\], expected a number or null$/],
      ['{"features": [1, 2], "feature_names": ["a"]}', /feature_names has not as many elements as features$/],
      ['a,b\n1,x\n', /column b, row 1: text "x", expected a number$/],
      ['[[1, 2, 3]]', /has rows of 3 values, but the model takes 2$/],
      ['a,c\n1,2\n', /lacks 1 of the model's 2 features: "b"$/],
    ] as const)
      assert.throws(
        () => rowsFor(NAMES, read(text)),
        (error: unknown) => error instanceof DoesNotFit && reason.test(error.message) && !error.message.includes('\n'),
        text,
      );
    assert.throws(() => readRowsFile(join(folder, 'missing')), /missing cannot be read: no such file or directory/);
  });
});

describe('rows drawn from a model', () => {
  for (const name of ['categorical', 'stumps', 'zero_as_missing', 'leaves_64'])
    test(`reach most leaves of most trees: ${name}`, () => {
      const text = readFileSync(join(projectRoot, `test/data/conformance/${name}.txt`), 'utf8');
      const booster = parseBooster(text, name);
      const rows = rowsOfModel(booster, text, 1000).map((row) => Float64Array.from(row, (value) => value ?? NaN));
      let [reached, leaves] = [0, 0];
      for (const tree of booster.trees) {
        reached += new Set(rows.map((row) => findLeaf(tree, row))).size;
        leaves += tree.leafCount;
      }
      assert(reached / leaves > 0.5, `${reached} of ${leaves} leaves`);
      assert(rows.some((row) => row.includes(NaN)));
      assert.deepEqual(rowsOfModel(booster, text, 5), rowsOfModel(booster, text, 5));
    });

  test('around examples keep whole numbers whole and missing values missing', () => {
    const rows = rowsAround([[10, 0.5, null]], 200);
    assert(
      rows.every(
        ([whole, fraction, missing]) =>
          missing === null &&
          (whole === null || Number.isInteger(whole)) &&
          (fraction === null || (fraction >= 0.25 && fraction <= 0.75)),
      ),
    );
    assert(new Set(rows.map(([, fraction]) => fraction)).size > 100);
  });
});
