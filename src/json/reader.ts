/**
 * Reads JSON that JSON.parse refuses: it takes what Python's json module writes beyond JSON, a byte order mark and the
 * constants that the caller accepts, and tells where everything else is wrong. What JSON.parse accepts has the same
 * value here, down to MAX_DEPTH.
 *
 * Each character is looked at once, nested arrays and objects stand on a stack of MAX_DEPTH frames, and nothing is
 * built before the whole text is known to be right.
 */
import { type FaultKind, WORD_FAULTS } from './faults.js';

/** Arrays and objects within one another. Python's json module has the same limit. */
export const MAX_DEPTH = 1000;

/** Longer names are not repeated in a pointer, and longer pointers end at the object they have reached. */
const MAX_POINTER_NAME = 64;
const MAX_POINTER = 256;
/** Enough of a word to tell the known ones apart. */
const MAX_WORD = 10;
/** Powers of ten that a double holds exactly: dividing an exact number by one of them rounds once, as it should. */
const POWERS = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** V8 copies slices of up to so many characters; a longer one keeps the whole text in memory. */
const MAX_COPIED = 12;

export type Constant = 'NaN' | 'Infinity' | '-Infinity';

export interface Accepted {
  readonly constants: ReadonlySet<Constant>;
  /** Accepts them only as items of an array with this name; anywhere if absent. */
  readonly within?: string;
}

export interface JsonFault {
  readonly kind: FaultKind;
  /** In UTF-16 code units, from 0. */
  readonly position: number;
  /** JSON Pointer to the value that is wrong, or to what it is in. */
  readonly pointer: string;
}

export interface JsonValue {
  /** Each accepted constant is null in it. */
  readonly value: unknown;
  /** How many constants there were. */
  readonly constants: number;
}

/** Reads a text as JSON. @param accepted which constants are null, and where */
export function readJson(text: string, accepted: Accepted): JsonValue | JsonFault {
  const codes = codesOf(text);
  return new Reader(text, codes, accepted, false).read() ?? new Reader(text, codes, accepted, true).result();
}

function codesOf(text: string): Uint16Array {
  const codes = new Uint16Array(text.length + 1);
  const bytes = Buffer.from(codes.buffer);
  bytes.write(text, 'utf16le');
  return codes;
}

const BYTE_ORDER_MARK = 0xfeff;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const LETTER_N = 78;
const LETTER_A = 97;
const LETTER_E = 101;
const LETTER_U = 117;
const LOWER_CASE = 32;
/** Instead of a character, after the last one. */
const END = -1;

class Reader {
  readonly #text: string;
  /** Its UTF-16 code units and a zero; reading them here costs a fraction of charCodeAt. */
  readonly #codes: Uint16Array;
  readonly #accepted: Accepted;
  readonly #acceptsNaN: boolean;
  readonly #builds: boolean;
  #at = 0;
  #constants = 0;
  #fault: JsonFault | undefined;
  /** Whether the string that was read last has escapes. */
  #hasEscapes = false;
  #value: unknown;
  /** The frames of the arrays and objects that are open. */
  #depth = 0;
  readonly #closers = new Uint8Array(MAX_DEPTH);
  /** Whether constants are accepted in it. */
  readonly #accepting = new Uint8Array(MAX_DEPTH);
  /** How many items or members have begun. */
  readonly #counts = new Int32Array(MAX_DEPTH);
  /** Where the name of an object's last member is, without its quotes. */
  readonly #nameStarts = new Int32Array(MAX_DEPTH);
  readonly #nameEnds = new Int32Array(MAX_DEPTH);
  /** Only where values are built. */
  readonly #containers: unknown[] = [];
  readonly #names: string[] = [];

  constructor(text: string, codes: Uint16Array, accepted: Accepted, builds: boolean) {
    this.#text = text;
    this.#codes = codes;
    this.#accepted = accepted;
    this.#acceptsNaN = accepted.constants.has('NaN');
    this.#builds = builds;
  }

  /** @returns the first fault, undefined without one */
  read(): JsonFault | undefined {
    if (this.#codes[0] === BYTE_ORDER_MARK) this.#at = 1;
    let isRight = this.#readValue(this.#skip());
    while (isRight && this.#depth > 0) isRight = this.#step();
    if (isRight && this.#skip() !== END) this.#fail(this.#isComment() ? 'comment' : 'text after the end');
    return this.#fault;
  }

  /** Reads a text that is right. */
  result(): JsonValue {
    this.read();
    return { value: this.#value, constants: this.#constants };
  }

  /** Reads up to the next value in the innermost array or object, and that value; or closes it. */
  #step(): boolean {
    const frame = this.#depth - 1;
    const closer = this.#closers[frame];
    if (closer === CLOSE_ARRAY && this.#counts[frame] > 0) this.#readPlainItems(frame);
    let c = this.#skip();
    if (c === closer) {
      this.#at++;
      this.#depth = frame;
      return true;
    }
    if (this.#counts[frame] > 0) {
      if (c !== COMMA) return this.#fail(this.#missing('no comma'), this.#at, frame);
      const comma = this.#at++;
      c = this.#skip();
      if (c === closer) return this.#fail('trailing comma', comma, frame);
    }
    if (closer === CLOSE_OBJECT && !this.#readName(c, frame)) return false;
    this.#counts[frame]++;
    return this.#readValue(this.#skip());
  }

  /**
   * Reads on as long as a comma and a plain number or an accepted NaN follow, in one loop: bodies are full of these.
   * Everything else, right or wrong, is left to the next step.
   */
  #readPlainItems(frame: number): void {
    const codes = this.#codes;
    const items = this.#builds ? (this.#containers[frame] as unknown[]) : undefined;
    let at = this.#at;
    let count = 0;
    while (codes[at] === COMMA) {
      let next = at + 1;
      if (codes[next] === SPACE) next++;
      let value: number | null = null;
      if (codes[next] === LETTER_N) {
        if (!this.#isAcceptedNaN(next)) break;
        next += 3;
      } else {
        const first = next;
        let mantissa = 0;
        let fraction = 0;
        for (; isDigit(codes[next]); next++) mantissa = mantissa * 10 + (codes[next] - ZERO);
        if (next === first || (next > first + 1 && codes[first] === ZERO)) break;
        if (codes[next] === DOT) {
          const point = next++;
          for (; isDigit(codes[next]); next++) mantissa = mantissa * 10 + (codes[next] - ZERO);
          fraction = next - point - 1;
          if (fraction === 0 || fraction >= POWERS.length) break;
        }
        if (mantissa > Number.MAX_SAFE_INTEGER) break;
        value = mantissa / POWERS[fraction];
      }
      if (codes[next] !== COMMA && codes[next] !== CLOSE_ARRAY) break;
      if (value === null) this.#constants++;
      items?.push(value);
      at = next;
      count++;
    }
    this.#at = at;
    this.#counts[frame] += count;
  }

  /** Reads the name of a member and the colon. */
  #readName(c: number, frame: number): boolean {
    if (c !== QUOTE) return this.#fail(this.#missing(c === 39 ? 'single quote' : 'unquoted name'), this.#at, frame);
    const start = this.#at + 1;
    if (!this.#readString(frame)) return false;
    this.#nameStarts[frame] = start;
    this.#nameEnds[frame] = this.#at - 1;
    if (this.#builds) this.#names[frame] = this.#decoded(start);
    if (this.#skip() !== COLON) return this.#fail(this.#missing('no colon'), this.#at, frame);
    this.#at++;
    return true;
  }

  /** @param c the first character of the value */
  #readValue(c: number): boolean {
    if (c === QUOTE) {
      const start = this.#at + 1;
      if (!this.#readString(this.#depth)) return false;
      if (this.#builds) this.#put(this.#decoded(start));
      return true;
    }
    if (isDigit(c) || c === MINUS) return this.#readNumber();
    if (c === OPEN_ARRAY) return this.#open(CLOSE_ARRAY);
    if (c === OPEN_OBJECT) return this.#open(CLOSE_OBJECT);
    if (c === LETTER_N && this.#isAcceptedNaN(this.#at)) {
      this.#at += 3;
      return this.#putConstant();
    }
    if (isLetter(c)) return this.#readWord();
    return this.#fail(this.#missing(VALUE_FAULTS.get(c) ?? 'no value'));
  }

  #open(closer: number): boolean {
    const frame = this.#depth;
    if (frame === MAX_DEPTH) return this.#fail('too deep');
    if (this.#builds) {
      const container = closer === CLOSE_ARRAY ? [] : {};
      this.#put(container);
      this.#containers[frame] = container;
    }
    this.#accepting[frame] = this.#isAccepting(closer, frame - 1) ? 1 : 0;
    this.#closers[frame] = closer;
    this.#counts[frame] = 0;
    this.#depth++;
    this.#at++;
    return true;
  }

  #put(value: unknown): void {
    const frame = this.#depth - 1;
    const container = this.#containers[frame];
    if (frame < 0) this.#value = value;
    else if (Array.isArray(container)) container.push(value);
    else {
      const name = this.#names[frame];
      // An assignment would set the prototype, where JSON.parse makes a field.
      if (name === '__proto__') Object.defineProperty(container, name, { value, ...FIELD });
      else (container as Record<string, unknown>)[name] = value;
    }
  }

  /** Reads from a quote to the closing one. @param depth how much of the path leads to a fault */
  #readString(depth: number): boolean {
    const codes = this.#codes;
    const length = codes.length - 1;
    this.#hasEscapes = false;
    for (let at = this.#at + 1; at < length; at++) {
      const c = codes[at];
      if (c === QUOTE) {
        this.#at = at + 1;
        return true;
      }
      if (c < 32) return this.#fail('control character', at, depth);
      if (c === BACKSLASH) {
        this.#hasEscapes = true;
        at++;
        const digits = codes[at] === LETTER_U ? hexDigits(codes, at + 1) : 0;
        if (at + digits + 1 >= length) break;
        if (digits < 4 && !ESCAPED.has(codes[at])) return this.#fail('escape', at - 1, depth);
        at += digits;
      }
    }
    return this.#fail('truncated', length, depth);
  }

  /** The string from `start` to the quote that was read last. */
  #decoded(start: number): string {
    const end = this.#at - 1;
    if (end - start <= MAX_COPIED && !this.#hasEscapes) return this.#text.slice(start, end);
    return JSON.parse(this.#text.slice(start - 1, end + 1)) as string;
  }

  #readNumber(): boolean {
    const codes = this.#codes;
    const start = this.#at;
    const isNegative = codes[start] === MINUS;
    let at = isNegative ? start + 1 : start;
    if (isNegative && isLetter(codes[at])) return this.#readWord();
    const first = at;
    let mantissa = 0;
    let hasPower = false;
    let fraction = 0;
    let c = codes[at];
    for (; isDigit(c); c = codes[++at]) {
      mantissa = mantissa * 10 + (c - ZERO);
    }
    if (at === first || (at > first + 1 && codes[first] === ZERO)) return this.#failNumber(at);
    if (c === DOT) {
      const point = at;
      c = codes[++at];
      for (; isDigit(c); c = codes[++at]) {
        mantissa = mantissa * 10 + (c - ZERO);
      }
      fraction = at - point - 1;
      if (fraction === 0) return this.#failNumber(at);
    }
    if ((c | LOWER_CASE) === LETTER_E) {
      hasPower = true;
      c = codes[++at];
      if (c === 43 || c === MINUS) c = codes[++at];
      if (!isDigit(c)) return this.#failNumber(at);
      while (isDigit(c)) c = codes[++at];
    }
    if (isLetter(c) || c === DOT) return this.#failNumber(at);
    this.#at = at;
    if (!this.#builds) return true;
    // A mantissa that was rounded on the way is not a safe integer.
    if (hasPower || mantissa > Number.MAX_SAFE_INTEGER || fraction >= POWERS.length)
      this.#put(Number(this.#text.slice(start, at)));
    else this.#put(isNegative ? -(mantissa / POWERS[fraction]) : mantissa / POWERS[fraction]);
    return true;
  }

  /** @param at where the number went wrong; at the end of the text it may only be cut short */
  #failNumber(at: number): boolean {
    return at === this.#text.length && !/\d$/.test(this.#text.slice(-1))
      ? this.#fail('truncated', at)
      : this.#fail('number');
  }

  #readWord(): boolean {
    const start = this.#at;
    const text = this.#text;
    const codes = this.#codes;
    let at = start;
    if (codes[at] === MINUS) at++;
    while (isLetter(codes[at]) && at < start + MAX_WORD) at++;
    const word = text.slice(start, at);
    if (word === 'NaN' || word === 'Infinity' || word === '-Infinity') {
      if (!this.#accepts(word)) return this.#fail(this.#constantFault(word));
      this.#at = at;
      return this.#putConstant();
    }
    if (word === 'true' || word === 'false' || word === 'null') {
      this.#at = at;
      if (this.#builds) this.#put(word === 'null' ? null : word === 'true');
      return true;
    }
    if (at === text.length && BEGINNINGS.some((each) => each.startsWith(word))) return this.#fail('truncated', at);
    return this.#fail(WORD_FAULTS.get(word) ?? (word.startsWith('-') ? 'number' : 'unquoted text'));
  }

  #putConstant(): boolean {
    this.#constants++;
    if (this.#builds) this.#put(null);
    return true;
  }

  /** The constant that bodies are full of, told without a slice. */
  #isAcceptedNaN(at: number): boolean {
    const codes = this.#codes;
    return (
      this.#acceptsNaN &&
      (this.#accepted.within === undefined || (this.#depth > 0 && this.#accepting[this.#depth - 1] === 1)) &&
      codes[at + 1] === LETTER_A &&
      codes[at + 2] === LETTER_N &&
      !isLetter(codes[at + 3])
    );
  }

  #accepts(constant: Constant): boolean {
    const { constants, within } = this.#accepted;
    return (
      constants.has(constant) && (within === undefined || (this.#depth > 0 && this.#accepting[this.#depth - 1] === 1))
    );
  }

  /** Whether the array that opens now is a field of the name within which constants are accepted. */
  #isAccepting(closer: number, object: number): boolean {
    const { within } = this.#accepted;
    return (
      within !== undefined &&
      object >= 0 &&
      closer === CLOSE_ARRAY &&
      this.#closers[object] === CLOSE_OBJECT &&
      this.#nameEnds[object] - this.#nameStarts[object] === within.length &&
      this.#text.startsWith(within, this.#nameStarts[object])
    );
  }

  #constantFault(constant: Constant): FaultKind {
    if (constant !== 'NaN') return 'infinity';
    return this.#accepted.constants.has('NaN') ? 'NaN elsewhere' : 'NaN';
  }

  /** Skips white space. @returns the character behind it */
  #skip(): number {
    const codes = this.#codes;
    let at = this.#at;
    let c = codes[at];
    while (c <= 32 && (c === 32 || c === 10 || c === 13 || c === 9)) c = codes[++at];
    this.#at = at;
    return c === 0 && at === codes.length - 1 ? END : c;
  }

  /** What is wrong where something else than what must follow is: `fault`, unless there is more to say. */
  #missing(fault: FaultKind): FaultKind {
    if (this.#at === this.#text.length) return 'truncated';
    const c = this.#codes[this.#at];
    if (c === 0) return 'null character';
    if (this.#isComment()) return 'comment';
    return c > 127 && !isLetter(c) && /\s/.test(String.fromCharCode(c)) ? 'white space' : fault;
  }

  #isComment(): boolean {
    const text = this.#text;
    return text.startsWith('//', this.#at) || text.startsWith('/*', this.#at) || text.startsWith('#', this.#at);
  }

  /** @param depth how much of the path leads to the fault */
  #fail(kind: FaultKind, position = this.#at, depth = this.#depth): false {
    this.#fault = { kind, position, pointer: this.#pointer(depth) };
    return false;
  }

  #pointer(depth: number): string {
    let pointer = '';
    for (let frame = 0; frame < depth; frame++) {
      const isArray = this.#closers[frame] === CLOSE_ARRAY;
      const start = this.#nameStarts[frame];
      const end = this.#nameEnds[frame];
      if (!isArray && end - start > MAX_POINTER_NAME) break;
      const part = isArray ? String(this.#counts[frame] - 1) : this.#memberName(start, end);
      if (pointer.length + part.length > MAX_POINTER) break;
      pointer += `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    }
    return pointer;
  }

  #memberName(start: number, end: number): string {
    return JSON.parse(this.#text.slice(start - 1, end + 1)) as string;
  }
}

const FIELD = { configurable: true, enumerable: true, writable: true } as const;

/** What may follow a backslash, but for u. */
const ESCAPED = new Set(Array.from('"\\/bfnrt', (c) => c.charCodeAt(0)));

/** Words that may be cut short at the end of a text. */
const BEGINNINGS: readonly string[] = ['true', 'false', 'null', 'NaN', 'Infinity', '-Infinity'];

/** By the character that is where a value must be. */
const VALUE_FAULTS: ReadonlyMap<number, FaultKind> = new Map([
  [39, 'single quote'],
  [40, 'parenthesis'],
  [43, 'number'],
  [DOT, 'number'],
]);

function isDigit(c: number): boolean {
  return c >= ZERO && c <= 57;
}

/** Whether a name or a word may contain it. */
function isLetter(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c === 36;
}

/** @returns how many of the four characters at `at` are hexadecimal digits before the first that is not */
function hexDigits(codes: Uint16Array, at: number): number {
  let count = 0;
  for (; count < 4; count++) {
    const c = codes[at + count];
    if (!isDigit(c) && !((c | LOWER_CASE) >= 97 && (c | LOWER_CASE) <= 102)) break;
  }
  return count;
}
