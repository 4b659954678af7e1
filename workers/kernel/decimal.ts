/**
 * Converts decimal text to doubles and back, both exactly. Reading follows Lemire's "Number Parsing at a Gigabyte per
 * Second" (the Eisel-Lemire algorithm). Writing follows Giulietti's "The Schubfach way to render doubles": the shortest
 * text, in JavaScript's format. Both use one small table of powers of ten; numbers beyond it are left to the host.
 */
import { POWERS, POWERS_MIN, POWERS_MAX } from './layout';

const MAX_DIGITS = 19;
const EIGHT_ZEROS: u64 = 0x3030303030303030;

/**
 * The high 64 bits of a * b.
 * @inline
 */
function high(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const low = a0 * b1;
  const middle = ((a0 * b0) >> 32) + (low & 0xffffffff) + a1 * b0;
  return a1 * b1 + (low >> 32) + (middle >> 32);
}

/** @inline */
function isDigit(c: u8): bool {
  return u8(c - 48) < 10;
}

/** @inline */
function areEightDigits(chunk: u64): bool {
  return (
    ((chunk & 0xf0f0f0f0f0f0f0f0) | (((chunk + 0x0606060606060606) & 0xf0f0f0f0f0f0f0f0) >> 4)) === 0x3333333333333333
  );
}

/**
 * The value of eight digits, the first in the lowest byte.
 * @inline
 */
function eightDigits(chunk: u64): u64 {
  chunk -= EIGHT_ZEROS;
  chunk = chunk * 10 + (chunk >> 8);
  return (
    (((chunk & 0x000000ff000000ff) * 0x000f424000000064 + ((chunk >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
      32) &
    0xffffffff
  );
}

/**
 * Reads the JSON number at `at` into the f64 at `target`.
 * @returns where the number ends; 0 if it is not a JSON number, or one that needs the host: more than 19 digits, a
 * power of ten beyond the table, an overflow, a denormal
 */
export function readNumber(at: usize, target: usize): usize {
  const negative = load<u8>(at) === 45;
  if (negative) at++;
  let digits = at;
  let significand: u64 = 0;
  if (load<u8>(at) === 48) {
    at++;
    if (isDigit(load<u8>(at))) return 0;
    digits = at;
  } else {
    while (isDigit(load<u8>(at))) significand = significand * 10 + (load<u8>(at++) - 48);
    if (at === digits) return 0;
  }
  let count = i32(at - digits);
  let exponent = 0;
  if (load<u8>(at) === 46) {
    const fraction = ++at;
    if (significand === 0) while (load<u8>(at) === 48) at++;
    digits = at;
    let chunk = load<u64>(at);
    while (areEightDigits(chunk)) {
      significand = significand * 100000000 + eightDigits(chunk);
      at += 8;
      chunk = load<u64>(at);
    }
    while (isDigit(load<u8>(at))) significand = significand * 10 + (load<u8>(at++) - 48);
    if (at === fraction) return 0;
    count += i32(at - digits);
    exponent = i32(fraction - at);
  }
  // With more digits than this, the significand may have overflowed.
  if (count > MAX_DIGITS) return 0;
  if ((load<u8>(at) | 32) === 101) {
    at++;
    const sign = load<u8>(at);
    if (sign === 43 || sign === 45) at++;
    const first = at;
    let power = 0;
    while (isDigit(load<u8>(at)) && at - first < 4) power = power * 10 + i32(load<u8>(at++) - 48);
    if (at === first || isDigit(load<u8>(at))) return 0;
    exponent += sign === 45 ? -power : power;
  }
  let value: f64;
  if (significand === 0) value = 0;
  else if (exponent === 0 && significand <= 1 << 53) value = f64(significand);
  else {
    value = scaled(significand, exponent);
    if (value === 0) return 0;
  }
  store<f64>(target, negative ? -value : value);
  return at;
}

/** significand * 10^exponent, rounded to nearest, ties to even; 0 if this needs the host. The significand is not 0. */
function scaled(significand: u64, exponent: i32): f64 {
  if (exponent < POWERS_MIN || exponent > POWERS_MAX) return 0;
  const shift = clz(significand);
  const normalized = significand << shift;
  const power = usize(POWERS) + (usize(exponent - POWERS_MIN) << 4);
  let upper = high(normalized, load<u64>(power, 8));
  let lower = normalized * load<u64>(power, 8);
  if ((upper & 0x1ff) === 0x1ff) {
    // 64 bits of the power do not decide the rounding: use all 128.
    const before = lower;
    lower += high(normalized, load<u64>(power));
    if (lower < before) upper++;
  }
  const top = upper >> 63;
  let mantissa = upper >> (top + 9);
  let binary = (((152170 + 65536) * exponent) >> 16) + 63 + i32(top) - i32(shift) + 1023;
  if (binary <= 0) return 0;
  // The value is exactly halfway between two doubles.
  if (lower <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) === 1 && mantissa << (top + 9) === upper)
    mantissa &= ~1;
  mantissa = (mantissa + (mantissa & 1)) >> 1;
  if (mantissa >= 1 << 53) {
    mantissa = 1 << 52;
    binary++;
  }
  if (binary >= 2047) return 0;
  return reinterpret<f64>((mantissa & ((1 << 52) - 1)) | (u64(binary) << 52));
}

/**
 * floor(power * factor / 2^128), with the lowest bit set if that is inexact.
 * @inline
 */
function roundedToOdd(power: usize, factor: u64): u64 {
  const below = high(load<u64>(power), factor);
  const lower = load<u64>(power, 8) * factor;
  const sum = lower + below;
  const upper = high(load<u64>(power, 8), factor) + u64(sum < lower);
  return upper | u64(sum > 1);
}

/**
 * Writes the finite `value` as JavaScript does, in at most 25 characters.
 * @returns where the text ends; 0 if the value is beyond the table (below about 1e-37 or above 1e42)
 */
export function writeNumber(value: f64, at: usize): usize {
  if (value === 0) {
    store<u8>(at, 48);
    return at + 1;
  }
  if (value < 0) {
    store<u8>(at++, 45);
    value = -value;
  }
  if (value < 4294967296) {
    const whole = u32(value);
    if (f64(whole) === value) {
      const length = digitsOf(whole);
      writeDigits(whole, length, at);
      return at + length;
    }
  }
  const bits = reinterpret<u64>(value);
  const fraction = bits & ((1 << 52) - 1);
  const biased = i32(bits >> 52);
  if (biased === 0) return 0;
  const c = fraction | (1 << 52);
  const q = biased - 1075;
  if (q > -53 && q <= 0 && (c & ((u64(1) << u64(-q)) - 1)) === 0) return writeDecimal(c >> u64(-q), 0, at);

  // The decimals that round to this double are between lower and upper, in quarters of a unit of 10^k.
  const isEven = (c & 1) === 0;
  const closer = i32(fraction === 0 && biased > 1);
  const k = (q * 1262611 - closer * 524031) >> 22;
  if (-k < POWERS_MIN || -k > POWERS_MAX) return 0;
  const h = u64(q + ((-k * 1741647) >> 19) + 1);
  const power = usize(POWERS) + (usize(-k - POWERS_MIN) << 4);
  const middle = roundedToOdd(power, (c << 2) << h);
  const lower = roundedToOdd(power, ((c << 2) - 2 + closer) << h) + u64(!isEven);
  const upper = roundedToOdd(power, ((c << 2) + 2) << h) - u64(!isEven);
  const s = middle >> 2;
  if (s >= 10) {
    const short = tenth(s);
    const isLower = lower <= 40 * short;
    const isUpper = 40 * short + 40 <= upper;
    if (isLower !== isUpper) return writeDecimal(short + u64(isUpper), k + 1, at);
  }
  const isLower = lower <= s << 2;
  const isUpper = (s << 2) + 4 <= upper;
  if (isLower !== isUpper) return writeDecimal(s + u64(isUpper), k, at);
  const half = (s << 2) + 2;
  return writeDecimal(s + u64(middle > half || (middle === half && (s & 1) !== 0)), k, at);
}

/**
 * x / 10 as a multiplication: a 64-bit division takes dozens of cycles, and the compiler does not replace it.
 * @inline
 */
function tenth(x: u64): u64 {
  return high(x, 0xcccccccccccccccd) >> 3;
}

/** @inline */
function hundredMillionth(x: u64): u64 {
  return high(x, 0xabcc77118461cefd) >> 26;
}

/** Writes digits * 10^exponent, with at most 17 digits, as JavaScript does. */
function writeDecimal(digits: u64, exponent: i32, at: usize): usize {
  let upper = u32(hundredMillionth(digits));
  let lower = u32(digits - u64(upper) * 100000000);
  if (lower === 0 && upper > 0) {
    lower = upper;
    upper = 0;
    exponent += 8;
  }
  while (upper === 0 && lower % 10 === 0) {
    lower /= 10;
    exponent++;
  }
  let dropped = 0;
  while (upper > 0 && lower % 10 === 0) {
    lower /= 10;
    dropped++;
  }
  const kept = upper > 0 ? 8 - dropped : digitsOf(lower);
  const length = upper > 0 ? digitsOf(upper) + kept : kept;
  exponent += dropped;
  // The value is 0.DIGITS * 10^point.
  const point = length + exponent;
  if (exponent >= 0 && point <= 21) {
    writeBoth(upper, lower, kept, length, at);
    for (let i = length; i < point; i++) store<u8>(at + i, 48);
    return at + point;
  }
  if (point > 0 && point <= 21) {
    writeBoth(upper, lower, kept, length, at + 1);
    for (let i = 0; i < point; i++) store<u8>(at + i, load<u8>(at + i + 1));
    store<u8>(at + point, 46);
    return at + length + 1;
  }
  if (point > -6 && point <= 0) {
    store<u64>(at, 0x303030303030_2e30);
    at += 2 - point;
    writeBoth(upper, lower, kept, length, at);
    return at + length;
  }
  writeBoth(upper, lower, kept, length, at + 1);
  store<u8>(at, load<u8>(at + 1));
  store<u8>(at + 1, 46);
  at += length === 1 ? 1 : length + 1;
  const power = point - 1;
  store<u8>(at, 101);
  store<u8>(at + 1, power < 0 ? 45 : 43);
  const size = u32(abs(power));
  const width = digitsOf(size);
  writeDigits(size, width, at + 2);
  return at + 2 + width;
}

/**
 * Writes `upper`, followed by `lower` with `kept` digits.
 * @inline
 */
function writeBoth(upper: u32, lower: u32, kept: i32, length: i32, at: usize): void {
  if (upper > 0) writeDigits(upper, length - kept, at);
  writeDigits(lower, kept, at + length - kept);
}

function digitsOf(x: u32): i32 {
  if (x < 10000) return x < 100 ? (x < 10 ? 1 : 2) : x < 1000 ? 3 : 4;
  if (x < 100000000) return x < 1000000 ? (x < 100000 ? 5 : 6) : x < 10000000 ? 7 : 8;
  return x < 1000000000 ? 9 : 10;
}

/** Writes the last `length` digits of x. */
function writeDigits(x: u32, length: i32, at: usize): void {
  let to = at + length;
  while (to > at) {
    const rest = x / 10;
    store<u8>(--to, u8(48 + x - rest * 10));
    x = rest;
  }
}
