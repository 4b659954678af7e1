/**
 * Broken and hostile model texts: each is refused in one line that names the file, or it is a model on whose scores the
 * plain walk and every strategy agree.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { array, assert as assertProperty, constant, constantFrom, nat, oneof, property, record } from 'fast-check';
import { firstDifference } from '../src/model/agreement.js';
import { ArtifactError } from '../src/errors.js';
import type { Booster } from '../src/model/booster.js';
import { parseBooster } from '../src/model/parse.js';
import { criticalRows } from '../src/model/critical-rows.js';
import { LINEAR_MODEL, SMALL_MODEL, chainModel } from './support/model-text.js';
import { projectRoot } from './support/project.js';
import { modelTexts } from './support/random-tree.js';
import { SPLITS, scorersFor } from './support/strategies.js';

const FILE = 'lightgbm_model.txt';

/** The booster, or undefined where the text was refused as it should be. */
function parse(text: string): Booster | undefined {
  try {
    return parseBooster(text, FILE);
  } catch (error) {
    assert.ok(error instanceof ArtifactError, `${String(error)} for ${JSON.stringify(text)}`);
    assert.ok(
      error.message.startsWith(`${FILE}: `) && error.message.length < 250 && !error.message.includes('\n'),
      error.message,
    );
    return undefined;
  }
}

/** @returns whether the text is a model */
function assertRefusedOrSound(text: string): boolean {
  const booster = parse(text);
  if (booster === undefined) return false;
  const { rows, raw } = criticalRows(booster, 128);
  for (const scorer of scorersFor(booster)) {
    for (const split of SPLITS)
      assert.equal(
        firstDifference(raw, scorer.score(rows, split).raw),
        -1,
        `${scorer.name}, ${split}: ${JSON.stringify(text)}`,
      );
    scorer.contributions(rows);
    scorer.free();
  }
  return true;
}

test('a text cut off anywhere before its last tree ends is refused', () => {
  for (const text of [SMALL_MODEL, LINEAR_MODEL, SMALL_MODEL.replaceAll('\n', '\r\n')]) {
    const end = text.indexOf('end of trees') + 'end of trees'.length;
    for (let length = 0; length < end; length++) {
      assert.equal(
        parse(text.slice(0, length)),
        undefined,
        `${length} characters: ${JSON.stringify(text.slice(Math.max(0, length - 60), length))}`,
      );
    }
    assert.ok(parse(text.slice(0, end)) !== undefined);
  }
});

test('a reference model cut off anywhere is refused', () => {
  const text = readFileSync(join(projectRoot, 'test/data/conformance/zero_as_missing.txt'), 'utf8');
  const end = text.indexOf('end of trees') + 'end of trees'.length;
  assertProperty(
    property(nat(end - 1), (length) => assert.equal(parse(text.slice(0, length)), undefined)),
    { numRuns: 100 },
  );
});

test('a text with flipped bytes is refused or sound', () => {
  let sound = 0;
  for (const text of [SMALL_MODEL, LINEAR_MODEL]) {
    const bytes = Buffer.from(text);
    const flips = array(record({ at: nat(bytes.length - 1), to: nat(255) }), { minLength: 1, maxLength: 3 });
    const flipping = property(flips, (list) => {
      const broken = Buffer.from(bytes);
      for (const { at, to } of list) broken[at] = to;
      if (assertRefusedOrSound(broken.toString('utf8'))) sound++;
    });
    assertProperty(flipping, { numRuns: 1500 });
  }
  assert.ok(sound > 100, `only ${sound} of the broken texts are models`);
});

const NUMBERS = [
  '-1',
  '0',
  '-0',
  '1',
  '2',
  '3',
  '0.5',
  '1e999',
  '-1e999',
  'nan',
  '-nan',
  'inf',
  '-inf',
  '99999999999',
  '2147483648',
  '4294967295',
  '1e-320',
  '1e308',
  '',
  ' ',
  '0x1',
  '1.5.2',
  '+',
];

test('a text with numbers replaced, fields dropped, doubled or swapped is refused or sound', () => {
  let sound = 0;
  for (const text of [SMALL_MODEL, LINEAR_MODEL]) {
    const lines = text.slice(0, text.indexOf('end of trees') + 'end of trees'.length).split('\n');
    const change = oneof(
      {
        weight: 6,
        arbitrary: record({
          kind: constant('number'),
          line: nat(lines.length - 1),
          word: nat(4),
          other: nat(NUMBERS.length - 1),
        }),
      },
      record({
        kind: constantFrom('drop', 'double', 'swap'),
        line: nat(lines.length - 1),
        word: constant(0),
        other: nat(lines.length - 1),
      }),
    );
    const changing = property(array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const broken = lines.slice();
      for (const { kind, line, word, other } of changes) {
        if (kind === 'drop') broken[line] = '';
        else if (kind === 'double') broken[line] = `${broken[line]}\n${lines[other]}`;
        else if (kind === 'swap') [broken[line], broken[other]] = [broken[other], broken[line]];
        else {
          const [key, value] = broken[line].split('=');
          broken[line] =
            value === undefined
              ? key
              : `${key}=${value
                  .split(' ')
                  .with(Math.min(word, value.split(' ').length - 1), NUMBERS[other])
                  .join(' ')}`;
        }
      }
      if (assertRefusedOrSound(broken.join('\n'))) sound++;
    });
    assertProperty(changing, { numRuns: 1500 });
  }
  assert.ok(sound > 100, `only ${sound} of the broken texts are models`);
});

test('random trees of any shape, with any missing types, categories and thresholds, are sound', () => {
  assertProperty(
    property(modelTexts({ trees: 6, leaves: 70, features: 3 }), (text) => assert.ok(assertRefusedOrSound(text))),
    { numRuns: 150 },
  );
});

test('trees that are one long chain and a model of very many features score as the plain walk does', () => {
  for (const [leaves, features] of [
    [3000, 7],
    [64, 63],
    [200, 150],
  ]) {
    const booster = parse(chainModel(leaves, features));
    assert.ok(booster !== undefined);
    const { rows, raw } = criticalRows(booster, 200);
    for (const scorer of scorersFor(booster)) {
      assert.equal(
        firstDifference(raw, scorer.score(rows, 'one batch').raw),
        -1,
        `${scorer.name}: ${leaves} leaves, ${features} features`,
      );
      scorer.free();
    }
  }
  const names = Array.from({ length: 150_000 }, (_, i) => `f${i}`).join(' ');
  const wide = parse(
    LINEAR_MODEL.replace('max_feature_idx=1', 'max_feature_idx=149999').replace(
      'feature_names=a b',
      `feature_names=${names}`,
    ),
  );
  assert.ok(wide !== undefined);
  const { rows, raw } = criticalRows(wide, 4);
  for (const scorer of scorersFor(wide)) {
    assert.equal(firstDifference(raw, scorer.score(rows, 'one batch').raw), -1, scorer.name);
    scorer.free();
  }
});
