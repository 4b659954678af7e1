/** The lines of a model text, which is bytes: of any size, and of any encoding. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBooster } from '../src/model/parse.js';
import { TextLines } from '../src/model/text-lines.js';
import { SMALL_MODEL } from './support/model-text.js';

function linesOf(bytes: Uint8Array): string[] {
  const lines = new TextLines(bytes);
  const all: string[] = [];
  for (; lines.line !== undefined; lines.next()) all.push(lines.line);
  assert.equal(lines.number, all.length + 1);
  return all;
}

test('lines end with LF or CR LF, and the last one with the text', () => {
  assert.deepEqual(linesOf(Buffer.from('a\r\nb\n\nc')), ['a', 'b', '', 'c']);
  assert.deepEqual(linesOf(Buffer.from('a\n')), ['a', '']);
  assert.deepEqual(linesOf(Buffer.from('')), ['']);
  assert.deepEqual(linesOf(Buffer.from('a\rb\r\n').subarray(1)), ['\rb', '']);
});

test('feature names are read as UTF-8, and where they are not, byte by byte', () => {
  const named = (names: string, encoding: BufferEncoding): readonly string[] =>
    parseBooster(Buffer.from(SMALL_MODEL.replace('=amount kind age', `=${names}`), encoding)).featureNames;
  assert.deepEqual(named('größe 金额 age', 'utf8'), ['größe', '金额', 'age']);
  assert.deepEqual(named('größe länge age', 'latin1'), ['größe', 'länge', 'age']);
  // Two names that would be the same if what is no UTF-8 was replaced.
  assert.deepEqual(named('\xe4 \xf6 age', 'latin1'), ['ä', 'ö', 'age']);
});
