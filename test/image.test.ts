/** The compiled image: the same bytes each time, at any address, and the strategies that a model can use. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { firstDifference } from '../src/model/agreement.js';
import { applicableStrategies, compileImage } from '../src/model/image.js';
import { parseBooster } from '../src/model/parse.js';
import { criticalRows } from '../src/model/critical-rows.js';
import { compileKernel, instantiateKernel } from '../src/scoring/kernel.js';
import { createLane } from '../src/scoring/lane.js';
import { SharedMemory } from '../src/scoring/memory.js';
import { LINEAR_MODEL, SMALL_MODEL, chainModel } from './support/model-text.js';
import { projectRoot } from './support/project.js';
import { scorersFor } from './support/strategies.js';

const readReference = (name: string): string =>
  readFileSync(join(projectRoot, 'test/data/conformance', `${name}.txt`), 'utf8');

test('the same text gives the same bytes', () => {
  for (const text of [SMALL_MODEL, LINEAR_MODEL, readReference('categorical'), readReference('multiclass')]) {
    const booster = parseBooster(text);
    for (const strategy of applicableStrategies(booster)) {
      assert.deepEqual(
        compileImage(parseBooster(text), undefined, strategy).bytes,
        compileImage(booster, undefined, strategy).bytes,
      );
    }
  }
});

test('an image gives the same scores at any address', () => {
  const memory = new SharedMemory();
  const kernels = instantiateKernel(compileKernel(), memory.memory);
  const booster = parseBooster(readReference('categorical'));
  const { rows, raw, count } = criticalRows(booster, 100);
  for (const strategy of applicableStrategies(booster)) {
    const image = compileImage(booster, undefined, strategy);
    for (const gap of [64, 4096, 70_016, 3 << 20]) {
      memory.allocate(gap);
      const address = memory.allocate(image.bytes.length);
      new Uint8Array(memory.memory.buffer, address).set(image.bytes);
      const lane = createLane(memory, image.shape, count, 'score');
      lane.rows.set(rows);
      kernels[strategy].raw(address, lane.address, 0, count);
      assert.equal(firstDifference(raw, lane.raw), -1, `${strategy} at ${address}`);
    }
  }
});

test('models with linear leaves, without splits, or with more leaves than a mask has bits are walked', () => {
  assert.deepEqual(applicableStrategies(parseBooster(LINEAR_MODEL)), ['walk']);
  assert.deepEqual(applicableStrategies(parseBooster(readReference('constant'))), ['walk']);
  assert.ok(!applicableStrategies(parseBooster(readReference('leaves_255'))).includes('mask64'));
  assert.ok(!applicableStrategies(parseBooster(readReference('leaves_64'))).includes('mask32'));
  assert.ok(applicableStrategies(parseBooster(chainModel(64, 8))).includes('mask64'));
  assert.ok(!applicableStrategies(parseBooster(chainModel(65, 8))).includes('mask64'));
});

test('a feature with more thresholds than sixteen bits can count is scored as the plain walk does', () => {
  const leaves = 32;
  const trees = 2500;
  const one = (t: number): string => {
    const nodes = Array.from({ length: leaves - 1 }, (_, i) => i);
    return [
      `Tree=${t}`,
      `num_leaves=${leaves}`,
      'num_cat=0',
      `split_feature=${nodes.map(() => 0).join(' ')}`,
      `threshold=${nodes.map((i) => (i * trees + t) / 8 - 1000).join(' ')}`,
      `decision_type=${nodes.map((i) => [0, 2, 8, 10][(i + t) % 4]).join(' ')}`,
      `left_child=${nodes.map((i) => ~i).join(' ')}`,
      `right_child=${nodes.map((i) => (i === leaves - 2 ? ~(leaves - 1) : i + 1)).join(' ')}`,
      `leaf_value=${Array.from({ length: leaves }, (_, i) => (i + 1) / (t + 3)).join(' ')}`,
      'is_linear=0',
      'shrinkage=1',
      '\n',
    ].join('\n');
  };
  const header = [
    'tree',
    'version=v4',
    'num_class=1',
    'num_tree_per_iteration=1',
    'max_feature_idx=0',
    'objective=regression',
    'feature_names=x',
    '\n',
  ].join('\n');
  const booster = parseBooster(`${header}${Array.from({ length: trees }, (_, t) => one(t)).join('\n')}end of trees\n`);
  const { rows, raw, count } = criticalRows(booster, 300);
  assert.equal(count, 300);
  for (const scorer of scorersFor(booster)) {
    assert.equal(firstDifference(raw, scorer.score(rows, 'one batch').raw), -1, scorer.name);
    scorer.free();
  }
});

test('two hundred thousand leaves compile', () => {
  const [head, tree] = chainModel(255, 15).split(/(?=Tree=0)/);
  const body = tree.slice(0, tree.indexOf('end of trees'));
  const booster = parseBooster(
    `${head}${Array.from({ length: 800 }, (_, t) => body.replace('Tree=0', `Tree=${t}`)).join('')}end of trees\n`,
  );
  assert.equal(compileImage(booster).strategy, applicableStrategies(booster)[0]);
});
