/** Reads the lists of numbers in a model text: each has a length that is known in advance, and is refused otherwise. */
import { quote } from '../quote.js';
import { refuse } from './model-text-error.js';

/** The smallest and the largest number allowed. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export function integers(text: string, length: number, range: Range, where: string): Int32Array {
  requireCharacters(text, length, where);
  return readIntegers(text, new Int32Array(length), range, where);
}

export function numbers(text: string, length: number, where: string): Float64Array {
  requireCharacters(text, length, where);
  return readNumbers(text, new Float64Array(length), where);
}

export function uint32s(text: string, length: number, where: string): Uint32Array {
  requireCharacters(text, length, where);
  return readIntegers(text, new Uint32Array(length), { min: 0, max: 2 ** 32 - 1 }, where);
}

/** Refuses a length that the text is too short for, before memory is allocated for it. */
export function requireCharacters(text: string, length: number, where: string): void {
  if (length > (text.length + 1) >> 1) refuse(`${where}: ${text.length} characters are too few for ${length} values`);
}

/** Buffer for numbers that are not yet known to be whole; every list uses the same one. */
let unchecked = new Float64Array(256);

/** Fills `values` from `text`. */
export function readIntegers<List extends Int32Array | Uint32Array | Uint8Array>(
  text: string,
  values: List,
  { min, max }: Range,
  where: string,
): List {
  if (values.length > unchecked.length) unchecked = new Float64Array(values.length);
  const read = unchecked.subarray(0, values.length);
  readNumbers(text, read, where);
  for (let i = 0; i < values.length; i++) {
    if (!Number.isInteger(read[i]) || read[i] < min || read[i] > max)
      refuse(`${where}: ${read[i]} is not a whole number from ${min} to ${max}`);
    values[i] = read[i];
  }
  return values;
}

/**
 * Fills `values` from `text`: decimal numbers, correctly rounded as LightGBM's precise reader does, and `inf`, `-inf`
 * and `nan` as LightGBM writes them.
 */
export function readNumbers(text: string, values: Float64Array, where: string): Float64Array {
  const { length } = values;
  let found = 0;
  for (let start = 0; start < text.length; start++) {
    const word = start;
    // The word's digits as a whole number, and how many of them follow the point.
    let mantissa = 0;
    let scale = -1;
    let digits = 0;
    let isShort = true;
    for (; start < text.length; start++) {
      const code = text.charCodeAt(start);
      if (code >= ZERO && code <= NINE) {
        mantissa = mantissa * 10 + (code - ZERO);
        digits++;
        if (scale >= 0) scale++;
      } else if (code === SPACE) break;
      else if (code === POINT && scale < 0) scale = 0;
      else if (code !== MINUS || start !== word) isShort = false;
    }
    if (start === word) continue;
    if (start - word === 1 && text.charCodeAt(word) === CARRIAGE_RETURN) continue;
    if (found === length) refuse(`${where}: more than the expected ${length} values`);
    if (isShort && digits > 0 && digits <= EXACT_DIGITS) {
      // Where mantissa and power of ten are exact doubles, one division is correctly rounded.
      const magnitude = scale > 0 ? mantissa / POWERS_OF_TEN[scale] : mantissa;
      values[found++] = text.charCodeAt(word) === MINUS ? -magnitude : magnitude;
    } else values[found++] = longNumber(text.slice(word, start), where);
  }
  if (found !== length) refuse(`${where}: ${found} values, expected ${length}`);
  return values;
}

const [SPACE, CARRIAGE_RETURN, MINUS, POINT, ZERO, NINE] = [' ', '\r', '-', '.', '0', '9'].map((character) =>
  character.charCodeAt(0),
);
/** Whole numbers of up to this many digits are exact doubles, and so are powers of ten up to 10^22. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

const SPECIAL: Readonly<Record<string, number>> = { inf: Infinity, '-inf': -Infinity, nan: NaN, '-nan': NaN };
const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

function longNumber(word: string, where: string): number {
  return DECIMAL.test(word)
    ? Number(word)
    : (SPECIAL[word.toLowerCase()] ?? refuse(`${where}: ${quote(word)} is not a number`));
}
