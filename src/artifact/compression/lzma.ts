/** Decompression of LZMA: `.lzma` files, and the data inside xz. */
import { ByteReader } from '../byte-reader.js';
import { CorruptData, Output } from './output.js';
import { RangeDecoder } from './range-decoder.js';

/** The size field of a stream whose uncompressed size is unknown; such a stream ends with a marker. */
const UNKNOWN_SIZE = 0xffff_ffff_ffff_ffffn;

/**
 * Decompresses a `.lzma` file (Python's lzma.FORMAT_ALONE) to at most `maxBytes`.
 *
 *     properties (1 byte) | dictionary size (4) | uncompressed size or all ones (8) | range-coded data
 *
 * @throws CorruptData, LimitExceeded.
 */
export function unlzma(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const header = new ByteReader(bytes, (reason) => new CorruptData(reason));
  const properties = header.uint8();
  header.uint32();
  const sizeBytes = header.bytes(8);
  const size = new DataView(sizeBytes.buffer, sizeBytes.byteOffset, 8).getBigUint64(0, true);
  const output = new Output(maxBytes);
  const decoder = new LzmaDecoder(output);
  decoder.reset(properties);
  const ended = decoder.decode(header.bytes(header.remaining), size === UNKNOWN_SIZE ? Infinity : Number(size));
  if (size === UNKNOWN_SIZE && !ended) throw new CorruptData('it is truncated');
  return output.since(0);
}

const STATES = 12;
const POSITION_STATES = 16;

/** Decodes one kind of length (match or repeated match), 2 to 273, with bit-tree models. */
class LengthDecoder {
  readonly #choice = probabilities(2);
  readonly #low = probabilities(POSITION_STATES << 3);
  readonly #middle = probabilities(POSITION_STATES << 3);
  readonly #high = probabilities(256);

  decode(range: RangeDecoder, positionState: number): number {
    if (range.bit(this.#choice, 0) === 0) return 2 + range.tree(this.#low, positionState << 3, 3);
    if (range.bit(this.#choice, 1) === 0) return 10 + range.tree(this.#middle, positionState << 3, 3);
    return 18 + range.tree(this.#high, 0, 8);
  }
}

/** The LZMA decoder (LZMA specification, Igor Pavlov, 2015), with the resets that LZMA2 adds. */
export class LzmaDecoder {
  #lc = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #properties = -1;
  /** Where the dictionary begins in the output: LZMA2 may reset it. */
  #start = 0;
  #state = 0;
  readonly #repeated = [0, 0, 0, 0];

  #literal = probabilities(0x300);
  #isMatch = probabilities(0);
  #isRep = probabilities(0);
  #isRepG0 = probabilities(0);
  #isRepG1 = probabilities(0);
  #isRepG2 = probabilities(0);
  #isRep0Long = probabilities(0);
  #slots = probabilities(0);
  #special = probabilities(0);
  #align = probabilities(0);
  #matchLength = new LengthDecoder();
  #repeatLength = new LengthDecoder();

  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  resetDictionary(): void {
    this.#start = this.#output.length;
  }

  /** Starts over with the given properties byte, or with the last one. */
  reset(properties = this.#properties): void {
    if (properties < 0 || properties >= 225) throw new CorruptData('its LZMA properties are out of range');
    this.#properties = properties;
    this.#lc = properties % 9;
    const lp = Math.floor(properties / 9) % 5;
    this.#literalPositionMask = (1 << lp) - 1;
    this.#positionMask = (1 << Math.floor(properties / 45)) - 1;
    this.#state = 0;
    this.#repeated.fill(0);
    this.#literal = probabilities(0x300 << (this.#lc + lp));
    this.#isMatch = probabilities(STATES * POSITION_STATES);
    this.#isRep = probabilities(STATES);
    this.#isRepG0 = probabilities(STATES);
    this.#isRepG1 = probabilities(STATES);
    this.#isRepG2 = probabilities(STATES);
    this.#isRep0Long = probabilities(STATES * POSITION_STATES);
    this.#slots = probabilities(4 << 6);
    this.#special = probabilities(128);
    this.#align = probabilities(16);
    this.#matchLength = new LengthDecoder();
    this.#repeatLength = new LengthDecoder();
  }

  /** Decodes `size` bytes, or up to the end marker. @returns whether it reached the marker. */
  decode(input: Uint8Array, size: number): boolean {
    const output = this.#output;
    const start = this.#start;
    const range = new RangeDecoder(input);
    const end = output.length + size;
    while (output.length < end) {
      const positionState = (output.length - start) & this.#positionMask;
      if (range.bit(this.#isMatch, this.#state * POSITION_STATES + positionState) === 0) {
        this.#decodeLiteral(range);
        continue;
      }
      let length: number;
      if (range.bit(this.#isRep, this.#state) === 0) {
        length = this.#matchLength.decode(range, positionState);
        this.#state = this.#state < 7 ? 7 : 10;
        const distance = this.#decodeDistance(range, length);
        if (distance === 0xffffffff) return true;
        this.#repeated.pop();
        this.#repeated.unshift(distance);
      } else if (this.#decodeShortRepeat(range, positionState)) {
        continue;
      } else {
        length = this.#repeatLength.decode(range, positionState);
        this.#state = this.#state < 7 ? 8 : 11;
      }
      if (length > end - output.length) throw new CorruptData('a match runs past the end');
      output.copy(this.#repeated[0] + 1, length, start);
    }
    return false;
  }

  #decodeLiteral(range: RangeDecoder): void {
    const output = this.#output;
    const literal = this.#literal;
    const position = output.length - this.#start;
    const previous = position === 0 ? 0 : output.at(1);
    const model = 0x300 * (((position & this.#literalPositionMask) << this.#lc) + (previous >>> (8 - this.#lc)));
    let symbol = 1;
    if (this.#state >= 7) {
      let matched = output.at(this.#repeated[0] + 1, this.#start);
      while (symbol < 0x100) {
        const expected = (matched >>> 7) & 1;
        matched <<= 1;
        const bit = range.bit(literal, model + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== expected) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | range.bit(literal, model + symbol);
    output.push(symbol & 0xff);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** Chooses among the last four distances; true when that was a match of one byte, which is then written. */
  #decodeShortRepeat(range: RangeDecoder, positionState: number): boolean {
    if (this.#output.length === this.#start) throw new CorruptData('a back reference points before the data');
    let index = 0;
    if (range.bit(this.#isRepG0, this.#state) === 0) {
      if (range.bit(this.#isRep0Long, this.#state * POSITION_STATES + positionState) === 0) {
        this.#state = this.#state < 7 ? 9 : 11;
        this.#output.push(this.#output.at(this.#repeated[0] + 1, this.#start));
        return true;
      }
    } else if (range.bit(this.#isRepG1, this.#state) === 0) index = 1;
    else index = 2 + range.bit(this.#isRepG2, this.#state);
    this.#repeated.unshift(...this.#repeated.splice(index, 1));
    return false;
  }

  #decodeDistance(range: RangeDecoder, length: number): number {
    const slot = range.tree(this.#slots, Math.min(length - 2, 3) << 6, 6);
    if (slot < 4) return slot;
    const directBits = (slot >>> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** directBits;
    if (slot < 14) return base + range.reverseTree(this.#special, base - slot, directBits);
    return base + range.direct(directBits - 4) * 16 + range.reverseTree(this.#align, 0, 4);
  }
}

/** Models of one bit each, all with the probability one half. */
function probabilities(count: number): Uint16Array {
  return new Uint16Array(count).fill(1024);
}
