/** What a client is told about a body that is not JSON. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync, deflateSync } from 'node:zlib';
import { explainEncoding, readBody } from '../src/contract/malformed.js';

function explained(text: string): string {
  const read = readBody(text);
  assert('fault' in read, 'this is valid JSON');
  return read.fault.detail ?? assert.fail('no detail');
}

describe('malformed JSON is explained with its place, without repeating it', () => {
  const bodies: [text: string, detail: string][] = [
    ['', 'The body is empty.'],
    [' \n', 'The body is empty.'],
    ['\ufeff', 'The body is empty.'],
    ['{"features": [1, 2', 'The body is not valid JSON: it ends too early.'],
    ['{"features": [1 2]}', 'The body is not valid JSON at position 16: a comma or a closing bracket is missing.'],
    ['secret', 'The body is not valid JSON at position 0: text goes in double quotes.'],
    [
      '{\n  "features": [1,\n    None]}',
      'The body is not valid JSON at position 24 (line 3, column 5): write null for None.',
    ],
    ['{,}', 'The body is not valid JSON at position 1: names go in double quotes.'],
  ];
  for (const [text, detail] of bodies) test(JSON.stringify(text), () => assert.equal(explained(text), detail));

  test('a fault is pointed at', () => {
    assert.deepEqual(readBody('[{"features":[1,2,Infinity]}]'), {
      fault: {
        detail:
          'The body is not valid JSON at position 18: JSON has no Infinity; ' +
          'write a finite number, or null for a missing value.',
        errors: [
          {
            pointer: '/0/features/2',
            detail: 'JSON has no Infinity; write a finite number, or null for a missing value, at position 18',
          },
        ],
      },
    });
  });
});

test('a byte order mark is skipped', () => assert.deepEqual(readBody('\ufeff{"a":1}'), { body: { a: 1 } }));

describe('bytes that are not UTF-8 are explained', () => {
  const json = '{"features":[1,2,3]}';
  const bodies: [what: string, bytes: Buffer, detail: RegExp][] = [
    ['gzip', gzipSync(json), /gzip data: send Content-Encoding: gzip/],
    ['zlib', deflateSync(json), /zlib data: send Content-Encoding: deflate/],
    ['Zstandard', Buffer.from('28b52ffd24', 'hex'), /Zstandard/],
    ['UTF-16 with a mark', Buffer.from(`\ufeff${json}`, 'utf16le'), /UTF-16 .*: send UTF-8/],
    ['UTF-16 without one', Buffer.from('{"a":"é"}', 'utf16le'), /UTF-16 .*: send UTF-8/],
    ['Latin-1', Buffer.from('{"a":"é"}', 'latin1'), /^The body is not UTF-8 text: it goes wrong at byte 6\.$/],
    [
      'UTF-8 cut short',
      Buffer.from('{"a":"é').subarray(0, -1),
      /^The body is not UTF-8 text: it goes wrong at byte 6\.$/,
    ],
  ];
  for (const [what, bytes, detail] of bodies)
    test(what, () => assert.match(explainEncoding(bytes, bytes.toString()), detail));
});
