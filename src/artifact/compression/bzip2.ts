/** Decompression of bzip2, one of the formats joblib writes. */
import { crc32MostSignificantFirst } from './crc.js';
import { CorruptData, Output } from './output.js';

const BLOCK_MAGIC = 0x314159265359;
const END_MAGIC = 0x177245385090;
const GROUP_SIZE = 50;
const MAX_CODE_LENGTH = 20;

/** Reads bits, high bit first. */
class BitReader {
  #offset = 0;
  /** The low `available` bits are those read from the input but not yet taken: at most 7 and the 24 asked for. */
  #window = 0;
  #available = 0;

  readonly #input: Uint8Array;

  constructor(input: Uint8Array) {
    this.#input = input;
  }

  /** Up to 24 bits. */
  bits(count: number): number {
    while (this.#available < count) {
      if (this.#offset === this.#input.length) throw new CorruptData('it is truncated');
      this.#window = (this.#window << 8) | this.#input[this.#offset++];
      this.#available += 8;
    }
    this.#available -= count;
    return (this.#window >>> this.#available) & ((1 << count) - 1);
  }

  /** 48 bits, as a number. */
  magic(): number {
    return this.bits(24) * 0x1000000 + this.bits(24);
  }

  uint32(): number {
    return this.bits(16) * 0x10000 + this.bits(16);
  }
}

/** A canonical Huffman code, decoded by the first code and first index of each length. */
class HuffmanCode {
  readonly #symbols: Uint16Array;
  readonly #counts = new Int32Array(MAX_CODE_LENGTH + 1);

  constructor(lengths: readonly number[]) {
    for (const length of lengths) this.#counts[length]++;
    const next = new Int32Array(MAX_CODE_LENGTH + 2);
    for (let length = 1; length <= MAX_CODE_LENGTH; length++) next[length + 1] = next[length] + this.#counts[length];
    this.#symbols = new Uint16Array(lengths.length);
    lengths.forEach((length, symbol) => (this.#symbols[next[length]++] = symbol));
  }

  decode(reader: BitReader): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
      code = code * 2 + reader.bits(1);
      first *= 2;
      if (code - first < this.#counts[length] && code >= first) return this.#symbols[index + code - first];
      index += this.#counts[length];
      first += this.#counts[length];
    }
    throw new CorruptData('a Huffman code is invalid');
  }
}

/**
 * Decompresses one bzip2 stream to at most `maxBytes`; every block's CRC is verified.
 *
 * The compressor applies run lengths, Burrows-Wheeler transform, move to front, zero runs and Huffman codes to each
 * block, in this order; the decoder undoes them from the last to the first.
 * @throws CorruptData, LimitExceeded.
 */
export function bunzip2(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const reader = new BitReader(bytes);
  const output = new Output(maxBytes);
  if (reader.bits(24) !== 0x425a68) throw new CorruptData('it is not bzip2');
  const level = reader.bits(8) - 0x30;
  if (level < 1 || level > 9) throw new CorruptData('its block size is unknown');
  const block = new Uint8Array(level * 100_000);
  for (;;) {
    const magic = reader.magic();
    const crc = reader.uint32();
    if (magic === END_MAGIC) return output.since(0);
    if (magic !== BLOCK_MAGIC) throw new CorruptData('a block has no header');
    const start = output.length;
    decodeBlock(reader, output, block);
    if (crc32MostSignificantFirst(output.since(start)) !== crc) throw new CorruptData("a block's check does not match");
  }
}

function decodeBlock(reader: BitReader, output: Output, buffer: Uint8Array): void {
  if (reader.bits(1) !== 0) throw new CorruptData('it is randomised, which no bzip2 since 0.9.5 writes');
  const origin = reader.bits(24);
  const alphabet = usedBytes(reader);
  const block = readSymbols(reader, alphabet, buffer);
  if (origin >= block.length) throw new CorruptData('a block starts outside itself');
  undoRunLengths(undoTransform(block, origin), output);
}

/** Reads which byte values occur: 16 bits, then 16 more for each of those that is set. */
function usedBytes(reader: BitReader): number[] {
  const used: number[] = [];
  const ranges = reader.bits(16);
  for (let range = 0; range < 16; range++) {
    if (((ranges >>> (15 - range)) & 1) === 0) continue;
    const values = reader.bits(16);
    for (let i = 0; i < 16; i++) if (((values >>> (15 - i)) & 1) === 1) used.push(range * 16 + i);
  }
  if (used.length === 0) throw new CorruptData('a block uses no bytes');
  return used;
}

/** Undoes Huffman coding, zero runs and move to front; the result is the used part of `block`. */
function readSymbols(reader: BitReader, alphabet: readonly number[], block: Uint8Array): Uint8Array {
  const { codes, selectors } = readCodes(reader, alphabet.length + 2);
  const endOfBlock = alphabet.length + 1;
  const front = Uint8Array.from(alphabet);
  let length = 0;
  let run = 0;
  let runWeight = 1;
  for (let group = 0; group < selectors.length; group++) {
    const code = codes[selectors[group]];
    for (let i = 0; i < GROUP_SIZE; i++) {
      const symbol = code.decode(reader);
      // Symbols 0 and 1 are the digits 1 and 2 of a run's length in bijective base 2, low digit first.
      if (symbol <= 1) {
        run += runWeight * (symbol + 1);
        runWeight *= 2;
        if (run > block.length) throw new CorruptData('a block is too long');
        continue;
      }
      if (run > block.length - length) throw new CorruptData('a block is too long');
      block.fill(front[0], length, (length += run));
      run = 0;
      runWeight = 1;
      if (symbol === endOfBlock) return block.subarray(0, length);
      if (length === block.length) throw new CorruptData('a block is too long');
      const byte = front[symbol - 1];
      front.copyWithin(1, 0, symbol - 1);
      front[0] = byte;
      block[length++] = byte;
    }
  }
  throw new CorruptData('a block has no end');
}

/** Reads two to six codes, and which of them each group of 50 symbols uses (move to front, in unary). */
function readCodes(reader: BitReader, symbolCount: number): { codes: HuffmanCode[]; selectors: number[] } {
  const codeCount = reader.bits(3);
  const selectorCount = reader.bits(15);
  if (codeCount < 2 || codeCount > 6 || selectorCount === 0) throw new CorruptData('a block has no codes');
  const front = Array.from({ length: codeCount }, (_, i) => i);
  const selectors = Array.from({ length: selectorCount }, () => {
    let position = 0;
    while (reader.bits(1) === 1)
      if (++position >= codeCount) throw new CorruptData('a block uses a code that it does not have');
    front.unshift(...front.splice(position, 1));
    return front[0];
  });
  const codes = Array.from({ length: codeCount }, () => {
    let length = reader.bits(5);
    const lengths = Array.from({ length: symbolCount }, () => {
      while (reader.bits(1) === 1) length += reader.bits(1) === 0 ? 1 : -1;
      if (length < 1 || length > MAX_CODE_LENGTH) throw new CorruptData('a Huffman code is invalid');
      return length;
    });
    return new HuffmanCode(lengths);
  });
  return { codes, selectors };
}

/** Inverse Burrows-Wheeler transform: follows each byte to the one after it, from `origin` on. */
function undoTransform(block: Uint8Array, origin: number): Uint8Array {
  const starts = new Int32Array(257);
  for (const byte of block) starts[byte + 1]++;
  for (let byte = 0; byte < 256; byte++) starts[byte + 1] += starts[byte];
  const next = new Int32Array(block.length);
  block.forEach((byte, i) => (next[starts[byte]++] = i));
  const text = new Uint8Array(block.length);
  let at = next[origin];
  for (let i = 0; i < text.length; i++) {
    text[i] = block[at];
    at = next[at];
  }
  return text;
}

/** Four equal bytes are followed by a byte that says how many more of them there are. */
function undoRunLengths(text: Uint8Array, output: Output): void {
  let equal = 0;
  for (let i = 0; i < text.length; i++) {
    if (equal === 4) {
      output.repeat(text[i - 1], text[i]);
      equal = 0;
      continue;
    }
    equal = i > 0 && equal > 0 && text[i] === text[i - 1] ? equal + 1 : 1;
    output.push(text[i]);
  }
}
