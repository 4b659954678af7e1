import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ArtifactError } from '../src/errors.js';
import { parseBooster } from '../src/model/parse.js';
import { selfCheck } from '../src/model/self-check.js';
import { nativeScores } from '../src/model/verification.js';
import { needsNative, openLightGBM } from './native.js';
import { projectRoot } from './project.js';

const text = readFileSync(`${projectRoot}/test/data/models/v1.0.0/lightgbm_model.txt`, 'utf8');

test('native LightGBM joins the self-check from a process of its own', needsNative(), async () => {
  await openLightGBM();
  const { rows, raw, count } = selfCheck(parseBooster(text), 64);
  const native = await nativeScores(text, rows, count, 'model');
  assert.deepEqual(native?.raw, raw);
});

test('a model text on which LightGBM aborts is refused, and this process lives on', needsNative(), async () => {
  await openLightGBM();
  const { rows, count } = selfCheck(parseBooster(text), 8);
  const broken = text.replace('tree_sizes=3373 ', 'tree_sizes=3370 ');
  await assert.rejects(nativeScores(broken, rows, count, 'model'), (error) => error instanceof ArtifactError && /LightGBM ended with/.test(error.reason));
});
