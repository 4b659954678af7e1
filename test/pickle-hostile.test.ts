/** Pickles and joblib dumps that are hostile, damaged or cut. */
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { calibratorFault } from '../src/artifact/calibrator.js';
import { readPickledCalibrator } from '../src/artifact/scikit-learn.js';
import { ArtifactError } from '../src/errors.js';
import { projectRoot } from './support/project.js';

const FILE = 'v1.0.0/calibrator.pkl';
const NO_CALIBRATOR =
  'holds no calibrator that can be read: dump the fitted IsotonicRegression, _SigmoidCalibration or ' +
  'LogisticRegression itself, joblib.dump(calibrator, "calibrator.pkl")';
const folder = join(projectRoot, 'test/data/pickles');
const fixture = (name: string): Buffer => readFileSync(join(folder, name));

function refusal(bytes: Uint8Array): string {
  try {
    readPickledCalibrator(bytes, FILE);
  } catch (error) {
    assert(error instanceof ArtifactError, String(error));
    assert.equal(error.file, FILE);
    assert.match(error.message, /^[\x20-\x7e]+$/);
    return error.reason;
  }
  return assert.fail('it was read');
}

/** A calibrator or an ArtifactError: nothing else may come of any bytes. */
function readOrRefuse(bytes: Uint8Array): void {
  try {
    assert.equal(calibratorFault(readPickledCalibrator(bytes, FILE)), undefined);
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
  }
}

/** Pieces of pickles, by the opcodes of Python's pickletools. */
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const proto = (version: number): Buffer => Buffer.from([0x80, version]);
const global = (module: string, name: string): Buffer => latin1(`c${module}\n${name}\n`);
const unicode = (text: string): Buffer => Buffer.concat([latin1('\x8c'), Buffer.from([text.length]), latin1(text)]);
const uint32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const pickle = (...parts: (Buffer | string)[]): Buffer =>
  Buffer.concat([proto(4), ...parts.map((part) => (typeof part === 'string' ? latin1(part) : part)), latin1('.')]);
const EMPTY_TUPLE = ')';
const REDUCE = 'R';
const NEWOBJ = '\x81';
const ARRAY = Buffer.concat([
  global('numpy.core.multiarray', '_reconstruct'),
  global('numpy', 'ndarray'),
  latin1('K\0\x85C\x01b\x87R'),
]);
const DOUBLE = Buffer.concat([global('numpy', 'dtype'), unicode('f8'), latin1('\x89\x88\x87R')]);

const hostile: readonly (readonly [what: string, bytes: Uint8Array, reason: string | RegExp])[] = [
  ['a command to run, protocol 0', latin1("cos\nsystem\n(S'id'\ntR."), 'is not a pickle of protocol 2 to 5'],
  [
    'a command to run',
    pickle(global('os', 'system'), unicode('id'), '\x85', REDUCE),
    `is of class os.system: it ${NO_CALIBRATOR}`,
  ],
  [
    'a command to run, named on the stack',
    pickle(unicode('posix'), unicode('system'), '\x93', unicode('id'), '\x85', REDUCE),
    `is of class posix.system: it ${NO_CALIBRATOR}`,
  ],
  [
    'an allowed class with its parent as module',
    pickle(unicode('sklearn'), unicode('isotonic.check_increasing'), '\x93'),
    `is of class sklearn.isotonic.check_increasing: it ${NO_CALIBRATOR}`,
  ],
  [
    'evaluated code',
    pickle(global('builtins', 'eval'), unicode('1'), '\x85', REDUCE),
    `is of class builtins.eval: it ${NO_CALIBRATOR}`,
  ],
  [
    'an attribute of an allowed class',
    pickle(global('numpy', 'ndarray.tofile')),
    `is of class numpy.ndarray.tofile: it ${NO_CALIBRATOR}`,
  ],
  [
    'a name with control characters',
    pickle(unicode('a\nb\x1b[31m'), unicode('c'), '\x93'),
    `is of class a?b?[31m.c: it ${NO_CALIBRATOR}`,
  ],
  [
    'a class that is called',
    pickle(global('sklearn.isotonic', 'IsotonicRegression'), EMPTY_TUPLE, REDUCE),
    'calls sklearn.isotonic.IsotonicRegression, which is not allowed',
  ],
  [
    'a text that is called',
    pickle(unicode('os'), EMPTY_TUPLE, REDUCE),
    'calls a value that is not a class, which is not allowed',
  ],
  [
    'a function that is instantiated',
    pickle(global('numpy', 'dtype'), EMPTY_TUPLE, NEWOBJ),
    'makes an instance of numpy.dtype, which is not allowed',
  ],
  [
    'a class instantiated with arguments',
    pickle(global('sklearn.isotonic', 'IsotonicRegression'), 'N\x85', NEWOBJ),
    'makes an instance of sklearn.isotonic.IsotonicRegression, which is not allowed',
  ],
  [
    'an array of another class',
    pickle(global('numpy.core.multiarray', '_reconstruct'), global('numpy', 'dtype'), 'K\0\x85C\x01b\x87R'),
    'is damaged: a numpy array is malformed',
  ],
  [
    'an array of a type with a long name',
    pickle(global('numpy', 'dtype'), 'X', uint32(60_000), Buffer.alloc(60_000, 'f'), '\x89\x88\x87R'),
    /^has a numpy array of type f{120}\.\.\., which is not read/,
  ],
  ['an array of objects', pickle(global('numpy', 'dtype'), unicode('O8'), '\x89\x88\x87R'), NO_CALIBRATOR],
  [
    'another encoding',
    pickle(global('_codecs', 'encode'), unicode('x'), unicode('zip'), '\x86', REDUCE),
    'is damaged: a byte string is malformed',
  ],
  ['a persistent id', pickle(unicode('id'), 'Q'), 'uses a persistent id, which is not allowed'],
  ['the extension registry', pickle('\x82\x01'), 'uses the extension registry, which is not allowed'],
  ['an out-of-band buffer', pickle('\x97'), 'uses an out-of-band buffer, which is not allowed'],
  [
    'a constructor with keyword arguments',
    pickle(global('sklearn.isotonic', 'IsotonicRegression'), EMPTY_TUPLE, '}\x92'),
    /^holds an IsotonicRegression without X_thresholds_/,
  ],
  [
    'an instance of the old protocol',
    pickle('(ios\nsystem\n'),
    'uses an instance of the old protocol, which is not allowed',
  ],
  ['protocol 6', Buffer.concat([proto(6), latin1('N.')]), 'is a pickle of protocol 6; only 2 to 5 are supported'],
  ['nothing', Buffer.alloc(0), 'is empty'],
  ['only None', pickle('N'), NO_CALIBRATOR],
  ['an empty stack', pickle(), 'is damaged: its stack runs empty'],
  ['no end', proto(4), 'is damaged: it is truncated'],
  [
    'a state that is no dict',
    pickle(global('sklearn.isotonic', 'IsotonicRegression'), EMPTY_TUPLE, NEWOBJ, 'Nb'),
    /^holds an IsotonicRegression without X_thresholds_/,
  ],
  [
    'millions of opcodes',
    pickle(Buffer.alloc(5_000_000, '}')),
    'has more than 10000 opcodes; what is read here needs far fewer',
  ],
  ['deep nesting', pickle(EMPTY_TUPLE, Buffer.alloc(9_990, 0x85)), NO_CALIBRATOR],
  ['a text longer than the file', pickle('X', uint32(0xffffffff)), 'is damaged: it is truncated'],
  ['bytes of 2^63', pickle('\x8e', Buffer.alloc(7), '\x80'), 'is damaged: it is truncated'],
  ['an integer of 255 bytes', pickle('\x8a\xff', Buffer.alloc(255)), NO_CALIBRATOR],
  [
    'a memo index never written',
    pickle('j', uint32(4_000_000_000)),
    'is damaged: it reads memo entry 4000000000, which was never written',
  ],
  [
    'an array larger than its bytes',
    pickle(ARRAY, '(K\x01J', uint32(0x7fffffff), '\x85', DOUBLE, '\x89C\x08', Buffer.alloc(8), 'tb'),
    /^is damaged: a numpy array of shape \(2147483647\) and type f8 needs 17179869176 bytes, not 8$/,
  ],
  [
    'an array of a negative size',
    pickle(ARRAY, '(K\x01J', uint32(0xffffffff), '\x85', DOUBLE, '\x89C\x08', Buffer.alloc(8), 'tb'),
    'is damaged: a numpy array shape is malformed',
  ],
  [
    'one text encoded again and again',
    pickle(
      'X',
      uint32(100_000),
      Buffer.alloc(100_000, 'a'),
      '\x94',
      unicode('latin1'),
      '\x94',
      global('_codecs', 'encode'),
      '\x94',
      Buffer.from('h\x02h\0h\x01\x86R'.repeat(1000), 'latin1'),
    ),
    'expands to far more data than its size',
  ],
];

for (const [what, bytes, reason] of hostile) {
  test(`a pickle with ${what} is refused, and says why`, () => {
    if (typeof reason === 'string') assert.equal(refusal(bytes), reason);
    else assert.match(refusal(bytes), reason);
  });
}

/** 40 MB of zeros as lz4, by hand: one literal and one match of distance 1 whose length is as many 255s as it takes. */
function lz4Bomb(): Buffer {
  const block = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), Buffer.alloc(160_000, 255), Buffer.from([0])]);
  return Buffer.concat([
    Buffer.from('04224d18', 'hex'),
    Buffer.from([0x60, 0x70, 0]),
    uint32(block.length),
    block,
    uint32(0),
  ]);
}

/** 45,000,000 zeros, by bzip2 -9. */
const BZIP2_BOMB = Buffer.from('QlpoOTFBWSZTWckBtsgBWKtAIMAAEAAACCAAMMwFKaZSSFJsVJIUni7kinChIZIDbZA=', 'base64');

for (const [format, bomb] of [
  ['zlib', deflateSync(Buffer.alloc(40_000_000))],
  ['gzip', gzipSync(Buffer.alloc(40_000_000))],
  ['lz4', lz4Bomb()],
  ['bz2', BZIP2_BOMB],
] as const) {
  test(`a ${format} bomb is refused, and not expanded`, () => {
    assert.equal(refusal(bomb), 'is larger than 16777216 bytes, the limit for a calibrator');
  });
}

const samples = readdirSync(folder).filter((name) => /^sklearn-1\.(0|9)-.*\.pkl$/.test(name));

test('a pickle or joblib dump cut anywhere is refused', () => {
  for (const name of samples) {
    const whole = fixture(name);
    for (let length = 0; length < whole.length; length += name.includes('joblib') ? 7 : 3) {
      // An xz file is whole without its index and footer, a gzip file or an lz4 frame not without its end.
      if (name.includes('xz') || name.includes('bz2')) readOrRefuse(whole.subarray(0, length));
      else refusal(whole.subarray(0, length));
    }
  }
});

test('a pickle or joblib dump with damaged bytes gives a calibrator or an ArtifactError', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...samples), damage, (name, changes) => {
      const bytes = fixture(name);
      for (const [at, value] of changes) bytes[at % bytes.length] ^= value;
      readOrRefuse(bytes);
    }),
    { numRuns: 5000 },
  );
});

test('compressed data whose contents are damaged gives a calibrator or an ArtifactError', () => {
  const compressed = samples.filter((name) => /bz2|xz|lzma|lz4|gzip|zlib/.test(name));
  fc.assert(
    fc.property(fc.constantFrom(...compressed), fc.nat(), fc.uint8Array({ maxLength: 40 }), (name, at, bytes) => {
      const whole = fixture(name);
      const cut = 6 + (at % (whole.length - 6));
      readOrRefuse(Buffer.concat([whole.subarray(0, cut), bytes, whole.subarray(cut)]));
    }),
    { numRuns: 2000 },
  );
});

test('random opcodes give a calibrator or an ArtifactError', () => {
  const pieces = [
    ...Array.from(latin1('()}]N\x85\x86\x87t\x88\x89aesuRbQ.0\x81\x94\x93'), (opcode) => Buffer.from([opcode])),
    ARRAY,
    DOUBLE,
    unicode('f8'),
    unicode('X_thresholds_'),
    unicode('latin1'),
    global('sklearn.isotonic', 'IsotonicRegression'),
    global('joblib.numpy_pickle', 'NumpyArrayWrapper'),
    global('numpy', 'ndarray'),
    global('numpy', 'dtype'),
    global('numpy._core.multiarray', 'scalar'),
    global('numpy._core.numeric', '_frombuffer'),
    global('_codecs', 'encode'),
    global('builtins', 'bytes'),
    latin1('h\0'),
    latin1('h\x01'),
    latin1('q\0'),
    latin1('K\x02'),
    latin1('C\x08abcdefgh'),
  ];
  const stream = fc.array(
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...pieces) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }) },
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(fc.constantFrom(2, 3, 4, 5), stream, (protocol, parts) =>
      readOrRefuse(Buffer.concat([proto(protocol), ...parts])),
    ),
    { numRuns: 5000 },
  );
});
