/** The reader of JSON beyond JSON.parse, against JSON.parse. */
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Accepted, type JsonFault, type JsonValue, MAX_DEPTH, readJson } from '../src/json/reader.js';

const NOTHING: Accepted = { constants: new Set() };
const ANYWHERE: Accepted = { constants: new Set(['NaN', 'Infinity', '-Infinity'] as const) };
const FEATURES: Accepted = { constants: new Set(['NaN'] as const), within: 'features' };

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Holds the reader to JSON.parse on one text. */
function hold(text: string): void {
  const expected = parsed(text.startsWith('\ufeff') ? text.slice(1) : text);
  const read = readJson(text, NOTHING);
  if (expected === undefined) {
    assert('kind' in read, `accepted: ${text}`);
    assert(read.position >= 0 && read.position <= text.length);
  } else {
    assert('value' in read, `refused: ${text}, ${JSON.stringify(read)}`);
    // Strict equality of values: -0, prototypes and own __proto__ fields too; then the order of fields.
    assert.deepStrictEqual(read.value, expected.value);
    assert.equal(JSON.stringify(read.value), JSON.stringify(expected.value));
  }
}

function valueOf(text: string, accepted: Accepted): JsonValue {
  const read = readJson(text, accepted);
  assert('value' in read, JSON.stringify(read));
  return read;
}

function faultOf(text: string, accepted: Accepted = FEATURES): JsonFault {
  const read = readJson(text, accepted);
  assert('kind' in read, text);
  return read;
}

/** Pieces that JSON texts and what is nearly JSON are made of. */
const PIECES = [
  ...Array.from('{}[],:"\\\'/*#+-.0123456789eEuxabfnrt \n\t\r_$'),
  'true',
  'false',
  'null',
  'NaN',
  'Infinity',
  '-Infinity',
  'None',
  'True',
  '"a"',
  '"features"',
  '"__proto__"',
  '1e5',
  '\\u00e9',
  '\\ud800',
  '\\u12',
  '\ud800',
  'é',
  '\u0000',
  '\u0001',
  '\u007f',
  '\u00a0',
  '\u2028',
  '\ufeff',
  '//',

  '-0',
  '0.5',
  '1E-7',
  '123456789012345678901234567890',
  '0.1234567890123456789',
  '1e400',
  '[[',
  ']]',
  '{"a":',
  '"',
];

const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'features', '0', '1', 'toString', ''));
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.constantFrom(null, true, false, -0)),
    fc.string({ unit: 'binary' }),
    fc.array(tie('tree'), { maxLength: 6 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 6 }),
  ),
}));

describe('the reader agrees with JSON.parse', () => {
  test('on what JSON.stringify writes', () => {
    fc.assert(
      fc.property(tree, fc.constantFrom(undefined, 1, '\t'), (value, indent) =>
        hold(JSON.stringify(value, null, indent)),
      ),
      { numRuns: 2000 },
    );
  });

  test('on JSON with one piece more, fewer or other', () => {
    fc.assert(
      fc.property(tree, fc.nat(), fc.nat(3), fc.constantFrom('', ...PIECES), (value, at, removed, piece) => {
        const text = JSON.stringify(value);
        const start = at % (text.length + 1);
        hold(text.slice(0, start) + piece + text.slice(start + removed));
      }),
      { numRuns: 10_000 },
    );
  });

  test('on pieces of JSON in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }), (pieces) => {
        hold(pieces.join(''));
      }),
      { numRuns: 20_000 },
    );
  });

  test('on numbers, to the last bit', () => {
    const digits = fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: 1, maxLength: 25 });
    const power = fc.oneof(
      fc.constant(''),
      fc.integer({ min: -330, max: 330 }).map((n) => `e${n}`),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('', '-'),
        digits,
        fc.option(digits, { nil: '' }),
        power,
        (sign, whole, part, exponent) => {
          const number = `${sign}${whole}${part === '' ? '' : `.${part}`}${exponent}`;
          // The first item of an array is read in another way than the next ones.
          hold(`[${number}, ${number},${number}]`);
        },
      ),
      { numRuns: 20_000 },
    );
  });

  test('on doubled fields, of which the last counts', () => {
    for (const text of ['{"a":1,"b":2,"a":3}', '{"__proto__":1,"__proto__":[2]}', '{"\\u0061":1,"a":2}']) hold(text);
  });

  test('on escapes and long strings', () => {
    for (const text of ['"\\u00e9\\n\\"\\\\\\/"', `"${'x'.repeat(40)}"`, '"\\ud83d\\ude00\\ud83d"', '"\\u00"', '"\\'])
      hold(text);
  });
});

describe('constants that Python writes', () => {
  test('are null where they are accepted', () => {
    assert.deepEqual(valueOf('[{"features":[1,NaN,3]}]', FEATURES), {
      value: [{ features: [1, null, 3] }],
      constants: 1,
    });
    assert.deepEqual(valueOf('{"a":NaN,"b":[-Infinity],"c":"NaN \\" NaN"}', ANYWHERE), {
      value: { a: null, b: [null], c: 'NaN " NaN' },
      constants: 2,
    });
  });

  test('any JSON with some of its nulls written as NaN has the same value', () => {
    fc.assert(
      fc.property(fc.array(tree), fc.array(fc.boolean()), (values, areNaN) => {
        const texts = values.map((value, i) => (value === null && areNaN[i] ? 'NaN' : JSON.stringify(value)));
        assert.deepStrictEqual(valueOf(`{"features":[${texts.join()}]}`, FEATURES).value, {
          features: JSON.parse(JSON.stringify(values)),
        });
      }),
    );
  });

  test('are refused elsewhere, with their place', () => {
    for (const [text, kind, pointer] of [
      ['{"features":NaN}', 'NaN elsewhere', '/features'],
      ['{"features":[[NaN]]}', 'NaN elsewhere', '/features/0/0'],
      ['{"features":[1],"request_id":NaN}', 'NaN elsewhere', '/request_id'],
      ['[NaN]', 'NaN elsewhere', '/0'],
      ['NaN', 'NaN elsewhere', ''],
      ['[{"features":[1]},{"features":[1,2,-Infinity]}]', 'infinity', '/1/features/2'],
    ] as const) {
      const fault = faultOf(text);
      assert.deepEqual([fault.kind, fault.pointer], [kind, pointer], text);
    }
  });
});

test('a byte order mark is skipped at the start, and nowhere else', () => {
  assert.deepEqual(valueOf('\ufeff[1]', NOTHING).value, [1]);
  assert.equal(faultOf('\ufeff\ufeff[1]').position, 1);
  assert.equal(faultOf('[\ufeff1]').position, 1);
});

const FAULTS: readonly (readonly [text: string, kind: JsonFault['kind'], position: number, pointer: string])[] = [
  ['{"features": [1 2]}', 'no comma', 16, '/features'],
  ['{"features":[1,]}', 'trailing comma', 14, '/features'],
  ['{"features":[1],}', 'trailing comma', 15, ''],
  ['{"features":[1,,2]}', 'no value', 15, '/features/1'],
  ['{"features":}', 'no value', 12, '/features'],
  ['{"features" [1]}', 'no colon', 12, ''],
  ["{'features':[1]}", 'single quote', 1, ''],
  ['{"features":[1],"request_id":\'a\'}', 'single quote', 29, '/request_id'],
  ['{features:[1]}', 'unquoted name', 1, ''],
  ['{"features":[1,None]}', 'None', 15, '/features/1'],
  ['{"features":[1,True]}', 'True', 15, '/features/1'],
  ['{"features":[1,False]}', 'False', 15, '/features/1'],
  ['{"features":[1,nan]}', 'other NaN', 15, '/features/1'],
  ['{"features":[1,Infinity]}', 'infinity', 15, '/features/1'],
  ['{"features":[1,-Infinity]}', 'infinity', 15, '/features/1'],
  ['{"features":[1,undefined]}', 'undefined', 15, '/features/1'],
  ['{"features":[1,high]}', 'unquoted text', 15, '/features/1'],
  ['{"features":(1,2)}', 'parenthesis', 12, '/features'],
  ['{"features":[.5]}', 'number', 13, '/features/0'],
  ['{"features":[+5]}', 'number', 13, '/features/0'],
  ['{"features":[05]}', 'number', 13, '/features/0'],
  ['{"features":[5.]}', 'number', 13, '/features/0'],
  ['{"features":[0x10]}', 'number', 13, '/features/0'],
  ['{"features":[1e]}', 'number', 13, '/features/0'],
  ['{"features":[1_000]}', 'number', 13, '/features/0'],
  ['{"features":[1] // all\n}', 'comment', 16, ''],
  ['{"features":[/* age */ 1]}', 'comment', 13, '/features/0'],
  ['{"features":[1]} # all', 'comment', 17, ''],
  ['{"features":[1]}{"features":[2]}', 'text after the end', 16, ''],
  ['{"request_id":"a\nb"}', 'control character', 16, '/request_id'],
  ['{"request_id":"C:\\dir"}', 'escape', 17, '/request_id'],
  ['{"request_id":"\\u00g0"}', 'escape', 15, '/request_id'],
  ['{\u00a0"features":[1]}', 'white space', 1, ''],
  ['{\u0000"\u0000', 'null character', 1, ''],
  ['{"features":[1', 'truncated', 14, '/features'],
  ['{"features":[1,', 'truncated', 15, '/features/1'],
  ['{"features":[-', 'truncated', 14, '/features/0'],
  ['{"features":[1,nul', 'truncated', 18, '/features/1'],
  ['{"request_id":"abc', 'truncated', 18, '/request_id'],
  ['{"a/b~c":[x]}', 'unquoted text', 10, '/a~1b~0c/0'],
  [`{"${'k'.repeat(65)}":[x]}`, 'unquoted text', 70, ''],
];
for (const [text, kind, position, pointer] of FAULTS) {
  test(`${JSON.stringify(text).slice(0, 60)}: ${kind}`, () =>
    assert.deepEqual(faultOf(text), { kind, position, pointer }));
}

test('nesting is read down to its limit, and refused below it in bounded memory', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  hold(nested(MAX_DEPTH));
  for (const text of [nested(MAX_DEPTH + 1), '['.repeat(4 * 2 ** 20), '{"a":'.repeat(800_000)]) {
    const { kind, pointer } = faultOf(text);
    assert.equal(kind, 'too deep');
    assert(pointer.length <= 512);
  }
});

test('the time is linear in the length, whatever the text', (t) => {
  const texts = (bytes: number): string[] => [
    `{"features":[${'NaN,'.repeat(bytes / 4)}NaN]}`,
    `{"features":[${'0.4306502609109536,'.repeat(bytes / 19)}NaN]}`,
    `{"features":[${'1,'.repeat(bytes / 2)}x]}`,
    `["${'\\\\'.repeat(bytes / 2)}`,
    ' '.repeat(bytes),
    `[${'"",'.repeat(bytes / 3)}`,
    `[${'{},'.repeat(bytes / 3)}x]`,
    `{"features":[${'"a",'.repeat(bytes / 4)}NaN]}`,
    '"'.repeat(bytes),
    `${'\n'.repeat(bytes)}x`,
  ];
  // CPU time, as other processes have the same cores.
  const times = (read: () => unknown): number[] =>
    Array.from({ length: 5 }, () => {
      const start = process.cpuUsage();
      read();
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    });
  const [short, long] = [texts(2 ** 18), texts(2 ** 22)];
  const valid = `{"features":[${'null,'.repeat(2 ** 20)}null]}`;
  t.diagnostic(`JSON.parse, ${2 ** 20} nulls: ${Math.min(...times(() => JSON.parse(valid))).toFixed(1)} ms`);
  long.forEach((text, i) => {
    const once = Math.min(...times(() => readJson(short[i], FEATURES)));
    const [first, ...others] = times(() => readJson(text, FEATURES));
    const best = Math.min(...others);
    const what = JSON.stringify(text.slice(0, 24));
    t.diagnostic(`4 MiB of ${what}: ${first.toFixed(1)} ms at first, then ${best.toFixed(1)} ms`);
    // Sixteen times the length; a quadratic reader would take 256 times as long, and minutes.
    assert(best < 64 * once + 250, `${what}: ${once} ms, then ${best} ms`);
  });
});
