/** Arrays as numpy stores them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dtype, NdArray } from '../src/artifact/numpy.js';

/** An array of one item whose bytes are these, in hexadecimal, the most significant one first. */
function itemOf(code: string, hex: string, littleEndian: boolean): number {
  const dtype = Dtype.parse(code);
  assert(dtype !== undefined);
  dtype.littleEndian = littleEndian;
  const bytes = Buffer.from(hex, 'hex');
  return new NdArray([1], dtype, littleEndian ? bytes.toReversed() : bytes).toFloat64()[0];
}

for (const [code, hex, value] of [
  ['f8', '3ff8000000000000', 1.5],
  ['f4', '3fc00000', 1.5],
  ['i8', 'fffffffffffffffe', -2],
  ['u8', '8000000000000000', 2 ** 63],
  ['i4', 'fffffffe', -2],
  ['u4', 'fffffffe', 2 ** 32 - 2],
  ['i2', 'fffe', -2],
  ['u2', 'fffe', 2 ** 16 - 2],
  ['i1', 'fe', -2],
  ['u1', 'fe', 254],
  ['b1', '01', 1],
] as const) {
  test(`an item of type ${code} is read in both byte orders`, () => {
    assert.equal(itemOf(code, hex, true), value);
    assert.equal(itemOf(code, hex, false), value);
  });
}

test('types that hold no numbers are known as such, so that their bytes can be passed over', () => {
  for (const code of ['f2', 'f16', 'c16', 'O8', 'S5', 'U5', 'M8', 'i3', 'b2'])
    assert.equal(Dtype.parse(code)?.isNumeric, false, code);
  for (const code of ['', 'f', '8', 'x8', 'f8, f8']) assert.equal(Dtype.parse(code), undefined, code);
});

test('an array has exactly the bytes that its shape and type say', () => {
  const dtype = Dtype.parse('f4');
  assert(dtype !== undefined);
  for (const bytes of [0, 11, 13])
    assert.throws(() => new NdArray([3], dtype, new Uint8Array(bytes)), {
      name: 'RangeError',
      message: `a numpy array of shape (3) and type f4 needs 12 bytes, not ${bytes}`,
    });
});
