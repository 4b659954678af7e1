/** The categories that LightGBM's Python package writes behind a model that was trained on a data frame. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBooster } from '../src/model/parse.js';
import { SMALL_MODEL } from './support/model-text.js';

const withLine = (line: string) => parseBooster(`${SMALL_MODEL}\n${line}\n`).pandasCategories;

test('each list belongs to a categorical feature, in their order', () => {
  assert.deepEqual(withLine('pandas_categorical:[["card", "wire", "cash"]]'), new Map([[1, ['card', 'wire', 'cash']]]));
  assert.deepEqual(withLine('pandas_categorical:[[true, 2, "x"]]'), new Map([[1, [true, 2, 'x']]]));
});

test('a model without data frame, or whose lists cannot be assigned, has none', () => {
  assert.equal(parseBooster(SMALL_MODEL).pandasCategories, undefined);
  assert.equal(withLine('pandas_categorical:null'), undefined);
  assert.equal(withLine('pandas_categorical:[["a"], ["b"]]'), undefined);
  assert.equal(withLine('pandas_categorical:[]'), undefined);
});

test('a line that is no list of lists is refused', () => {
  assert.throws(() => withLine('pandas_categorical:[["a"'), /pandas_categorical: is not JSON/);
  assert.throws(() => withLine('pandas_categorical:{"a":1}'), /pandas_categorical: holds no lists/);
});
