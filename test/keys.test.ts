/** The key ring, and which of a request's headers presents the key. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { keyDigest, KeyRing, presentedKey } from '../src/access/keys.js';

const ring = new KeyRing(['alpha', 'beta', 'gamma'].map((id) => ({ id, digest: keyDigest(`key of ${id}`) })));

describe('a key ring', () => {
  test('knows each of its keys by id', () => {
    for (const id of ['gamma', 'alpha', 'beta', 'alpha']) assert.equal(ring.identify(`key of ${id}`), id);
  });
  test('knows no other key', () => {
    for (const key of [
      '',
      'key of',
      'key of alph',
      'key of alpha ',
      'KEY OF ALPHA',
      'alpha',
      keyDigest('key of alpha').toString('hex'),
      'x'.repeat(100_000),
      '\u{1f511}',
      '\0',
    ])
      assert.equal(ring.identify(key), undefined);
  });
  test('forgets the key before', () => {
    ring.identify('key of alpha');
    assert.equal(ring.identify(''), undefined);
  });
  test('without keys is empty, and knows none', () => {
    const none = new KeyRing([]);
    assert.ok(none.isEmpty && !ring.isEmpty);
    assert.equal(none.identify(''), undefined);
  });
});

test('a digest is the SHA-256 of the UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (key) =>
      assert.deepEqual(keyDigest(key), createHash('sha256').update(key, 'utf8').digest()),
    ),
  );
});

describe('the presented key', () => {
  const cases: [xApiKey: string, authorization: string, presented: string][] = [
    ['k', '', 'k'],
    ['', 'Bearer k', 'k'],
    ['', 'bearer  k ', 'k'],
    ['k', 'Bearer other', 'k'],
    ['', '', ''],
    ['', 'Basic dXNlcjpw', ''],
    ['', 'Bearer', ''],
    ['', 'Bearer a b', ''],
  ];
  for (const [xApiKey, authorization, presented] of cases) {
    test(`of X-API-Key "${xApiKey}" and Authorization "${authorization}" is "${presented}"`, () =>
      assert.equal(presentedKey({ xApiKey, authorization }), presented));
  }
});
