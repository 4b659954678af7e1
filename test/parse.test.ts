/** Reading model texts: what a sound one becomes, and what is refused with which reason. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ArtifactError } from '../src/errors.js';
import { parseBooster } from '../src/model/parse.js';
import { LINEAR_MODEL, SMALL_MODEL } from './support/model-text.js';
import { projectRoot } from './support/project.js';

const FILE = 'models/v7/lightgbm_model.txt';

/** Asserts that `text` is refused in one line that starts with the file's name and matches `reason`. */
function assertRefused(text: string, reason: RegExp): void {
  assert.throws(
    () => parseBooster(text, FILE),
    (error: unknown) => {
      assert.ok(error instanceof ArtifactError, String(error));
      assert.ok(
        error.message.startsWith(`${FILE}: `) && !error.message.includes('\n') && error.message.length < 250,
        error.message,
      );
      assert.match(error.reason, reason);
      return true;
    },
  );
}

const changed = (from: string | RegExp, to: string): string => {
  const text = SMALL_MODEL.replace(from, to);
  assert.notEqual(text, SMALL_MODEL, String(from));
  return text;
};

test('a model text becomes plain values', () => {
  const booster = parseBooster(SMALL_MODEL, FILE);
  assert.deepEqual(
    {
      outputs: booster.outputs,
      featureCount: booster.featureCount,
      names: booster.featureNames,
      objective: booster.objective,
      average: booster.averageOutput,
      version: booster.formatVersion,
    },
    {
      outputs: 1,
      featureCount: 3,
      names: ['amount', 'kind', 'age'],
      objective: { name: 'binary', transform: 'sigmoid', sigmoid: 1 },
      average: false,
      version: 'v4',
    },
  );
  assert.deepEqual(
    booster.trees.map((tree) => tree.leafCount),
    [4, 3, 1],
  );
  assert.deepEqual([...booster.trees[1].threshold], [0, Infinity]);
  assert.deepEqual([...booster.trees[1].catBits], [5, 2]);
  assert.deepEqual(booster.trees[2].leafValue, Float64Array.of(0.03125));
});

test('linear leaves keep the order of their terms', () => {
  const { linear } = parseBooster(LINEAR_MODEL, FILE).trees[0];
  assert.deepEqual(linear?.constants, Float64Array.of(0.5, -0.5));
  assert.deepEqual(
    linear?.features.map((list) => [...list]),
    [[1], [0, 1]],
  );
  assert.deepEqual(
    linear?.coefficients.map((list) => [...list]),
    [[2.5], [-1, 0.25]],
  );
});

test('CRLF line ends, the older headers v2 and v3, reordered fields and unknown ones give the same trees', () => {
  const expected = parseBooster(SMALL_MODEL, FILE);
  assert.deepEqual(parseBooster(SMALL_MODEL.replaceAll('\n', '\r\n'), FILE), expected);
  for (const version of ['v2', 'v3'])
    assert.deepEqual(parseBooster(changed('version=v4', `version=${version}`), FILE), {
      ...expected,
      formatVersion: version,
    });
  // v2 has neither is_linear nor leaf weights.
  assert.deepEqual(parseBooster(SMALL_MODEL.replaceAll(/(is_linear|leaf_weight)=.*\n/g, ''), FILE), expected);
  const reordered = SMALL_MODEL.replaceAll(/Tree=\d+\n([^]*?)\n\n\n/g, (block) => {
    const [first, ...fields] = block.trimEnd().split('\n');
    return `${[first, ...fields.toReversed(), 'written_by=somebody'].join('\n')}\n\n\n`;
  });
  assert.notEqual(reordered, SMALL_MODEL);
  assert.deepEqual(parseBooster(reordered, FILE), expected);
  assert.deepEqual(
    parseBooster(changed(/\n\nfeature_importances:[^]*/, '\n'), FILE),
    expected,
    'the text after the trees is not read',
  );
  assert.deepEqual(parseBooster(changed(/tree_sizes=.*\n/, ''), FILE), expected);
});

test('every reference model parses, with CRLF line ends too', () => {
  const folder = join(projectRoot, 'test/data/conformance');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    const text = readFileSync(join(folder, file), 'utf8');
    assert.deepEqual(parseBooster(text.replaceAll('\n', '\r\n'), file), parseBooster(text, file), file);
  }
});

test('without row counts a model parses, but cannot be explained', () => {
  const booster = parseBooster(SMALL_MODEL.replaceAll(/(leaf|internal)_count=.*\n/g, ''), FILE);
  assert.equal(booster.trees[0].leafRows, undefined);
  assert.equal(booster.trees[0].nodeRows, undefined);
});

test('a text that is not a model is refused', () => {
  assertRefused('', /not a LightGBM model/);
  assertRefused('{"tree": 1}', /not a LightGBM model/);
  assertRefused('\u0000'.repeat(1000), /not a LightGBM model/);
  assertRefused('trees', /not a LightGBM model/);
  assertRefused('tree', /no version/);
  assertRefused('tree\n', /no version/);
  assertRefused(changed('version=v4', 'version=v9'), /v9/);
});

test('a header that contradicts itself is refused', () => {
  assertRefused(changed('max_feature_idx=2', 'max_feature_idx=3'), /feature_names has 3 names, max_feature_idx says 4/);
  assertRefused(changed('max_feature_idx=2', 'max_feature_idx=-1'), /max_feature_idx/);
  assertRefused(changed('max_feature_idx=2', 'max_feature_idx=2000000000'), /max_feature_idx/);
  assertRefused(changed('amount kind age', 'amount kind amount'), /repeats a name/);
  assertRefused(
    changed('num_tree_per_iteration=1', 'num_tree_per_iteration=2'),
    /objective binary with num_tree_per_iteration=2/,
  );
  assertRefused(changed('num_tree_per_iteration=1', 'num_tree_per_iteration=0'), /num_tree_per_iteration/);
  assertRefused(changed('version=v4', 'version=v4\nversion=v3'), /header: "version" appears twice/);
  assertRefused(changed('objective=binary', 'objective=divination'), /divination/);
  assertRefused(changed('sigmoid:1', 'sigmoid:-1'), /sigmoid/);
  assertRefused(changed('tree_sizes=400 300 200', 'tree_sizes=400 300'), /tree_sizes lists 2 trees, but 3 follow/);
  assertRefused(
    changed('binary sigmoid:1', 'multiclass num_class:2').replace('per_iteration=1', 'per_iteration=2'),
    /3 trees do not divide/,
  );
});

test('a graph that is not a tree is refused: cycles, shared, unreachable and unknown children', () => {
  assertRefused(changed('left_child=1 -1 -3', 'left_child=0 -1 -3'), /Tree=0: node 0 has two parents/);
  assertRefused(changed('left_child=1 -1 -3', 'left_child=2 -1 -3'), /Tree=0: node 2 has two parents/);
  assertRefused(changed('left_child=1 -1 -3', 'left_child=1 -1 -2'), /Tree=0: leaf 1 has two parents/);
  assertRefused(changed('right_child=2 -2 -4', 'right_child=-4 -2 2'), /Tree=0: node 2 is not reachable from the root/);
  assertRefused(changed('left_child=1 -1 -3', 'left_child=9 -1 -3'), /left_child: 9/);
  assertRefused(changed('right_child=2 -2 -4', 'right_child=2 -2 -5'), /right_child: -5/);
});

test('counts that the text is too short for are refused before memory is allocated', () => {
  const before = process.memoryUsage().arrayBuffers;
  assertRefused(changed('num_leaves=4', 'num_leaves=1000000'), /Tree=0/);
  assertRefused(changed('num_leaves=4', 'num_leaves=4000000000'), /Tree=0: num_leaves/);
  assertRefused(changed('num_cat=1', 'num_cat=1000000'), /Tree=1: cat_boundaries/);
  assertRefused(changed('cat_boundaries=0 2', 'cat_boundaries=0 2147483647'), /Tree=1: cat_threshold/);
  const wide = LINEAR_MODEL.replace('max_feature_idx=1', 'max_feature_idx=99999').replace(
    'feature_names=a b',
    `feature_names=${Array.from({ length: 100_000 }, (_, i) => i).join(' ')}`,
  );
  assertRefused(
    wide.replace('num_features=1 2', 'num_features=100000 100000'),
    /Tree=0: leaf_features: \d+ characters are too few for 200000 values/,
  );
  assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 24);
});

test('words that are not numbers, and numbers of the wrong kind, are refused', () => {
  assertRefused(changed('threshold=0.5', 'threshold=0x10'), /"0x10" is not a number/);
  assertRefused(changed('threshold=0.5', 'threshold=nan'), /threshold that is not a number/);
  assertRefused(changed('threshold=0.5', 'threshold='), /threshold: 2 values, expected 3/);
  assertRefused(changed('threshold=0.5', 'threshold=0.5 1 1'), /more than the expected 3/);
  assertRefused(changed('split_feature=0 2 0', 'split_feature=0 3 0'), /split_feature: 3/);
  assertRefused(changed('split_feature=0 2 0', 'split_feature=0 0.5 0'), /split_feature: 0.5/);
  assertRefused(changed('decision_type=2 8 6', 'decision_type=2 12 6'), /unknown missing type/);
  assertRefused(changed('decision_type=2 8 6', 'decision_type=2 16 6'), /decision_type: 16/);
  assertRefused(changed('num_leaves=4', 'num_leaves=4\nnum_leaves=3'), /Tree=0: "num_leaves" appears twice/);
  assertRefused(changed('leaf_value=0.125', 'leaf_value=one'), /"one" is not a number/);
});

test('a categorical split that names no existing set is refused', () => {
  assertRefused(changed('threshold=0 inf', 'threshold=1 inf'), /names category set 1 of 1/);
  assertRefused(changed('threshold=0 inf', 'threshold=0.5 inf'), /names category set 0.5/);
  assertRefused(changed('decision_type=2 8 6', 'decision_type=1 8 6'), /names category set 0.5 of 0/);
  assertRefused(changed('cat_boundaries=0 2', 'cat_boundaries=2 0'), /cat_boundaries/);
  assertRefused(changed('cat_boundaries=0 2', 'cat_boundaries=1 2'), /cat_boundaries/);
  assertRefused(changed('cat_threshold=5 2', 'cat_threshold=5 -2'), /cat_threshold/);
  assertRefused(changed('cat_threshold=5 2', 'cat_threshold=5 4294967296'), /cat_threshold/);
});
