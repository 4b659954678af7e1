/** Native LightGBM's part in the self-check, in a process of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ArtifactError } from '../src/errors.js';
import { parseBooster } from '../src/model/parse.js';
import { criticalRows } from '../src/model/critical-rows.js';
import { needsNative, openLightGBM } from './support/native.js';
import { projectRoot } from './support/project.js';
import { startNative } from '../src/loading/native-check.js';
import type { KnownScores } from '../src/loading/known-scores.js';

const text = readFileSync(`${projectRoot}/test/data/models/v1.0.0/lightgbm_model.txt`, 'utf8');
const nativeScores = (modelText: string, rows: Float64Array, count: number): Promise<KnownScores | undefined> =>
  startNative({ modelText: Buffer.from(modelText), file: 'model', signal: new AbortController().signal })(rows, count);

test('native LightGBM scores the rows of the self-check in a process of its own', needsNative(), async () => {
  await openLightGBM();
  const { rows, raw, count } = criticalRows(parseBooster(text), 64);
  const native = await nativeScores(text, rows, count);
  assert.deepEqual(native?.raw, raw);
});

test('a model whose tree_sizes are wrong after an edit is read nevertheless', needsNative(), async () => {
  await openLightGBM();
  const { rows, raw, count } = criticalRows(parseBooster(text), 8);
  const native = await nativeScores(text.replace('tree_sizes=3373 ', 'tree_sizes=3370 '), rows, count);
  assert.deepEqual(native?.raw, raw);
});

test(
  'a model text that LightGBM refuses, or on which it aborts, is refused, and this process survives',
  needsNative(),
  async () => {
    await openLightGBM();
    const { rows, count } = criticalRows(parseBooster(text), 8);
    for (const broken of [
      text.replace('num_class=1', 'num_klass=1'),
      text.replace('feature_names=age', 'feature_names=age extra'),
      'tree\n',
    ]) {
      await assert.rejects(
        nativeScores(broken, rows, count),
        (error) => error instanceof ArtifactError && error.reason.startsWith('self-check: '),
      );
    }
  },
);
