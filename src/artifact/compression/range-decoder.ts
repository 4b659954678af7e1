/** The entropy decoder of LZMA. */
import { CorruptData } from './output.js';

/** LZMA's range decoder: 11-bit probabilities that adapt by a 32nd at each bit. */
export class RangeDecoder {
  #range = 0xffffffff;
  #code = 0;
  #offset = 0;

  readonly #input: Uint8Array;

  constructor(input: Uint8Array) {
    this.#input = input;
    if (this.#next() !== 0) throw new CorruptData('its range coder does not start with 0');
    for (let i = 0; i < 4; i++) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  bit(models: Uint16Array, index: number): 0 | 1 {
    const probability = models[index];
    const bound = (this.#range >>> 11) * probability;
    let bit: 0 | 1;
    if (this.#code < bound) {
      this.#range = bound;
      models[index] = probability + ((2048 - probability) >>> 5);
      bit = 0;
    } else {
      this.#range -= bound;
      this.#code -= bound;
      models[index] = probability - (probability >>> 5);
      bit = 1;
    }
    this.#normalize();
    return bit;
  }

  /** Decodes `count` equiprobable bits, high bit first. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code -= this.#range;
      value = value * 2 + bit;
      this.#normalize();
    }
    return value;
  }

  /** Decodes `bits` bits, high bit first, each modelled by those before it. */
  tree(models: Uint16Array, base: number, bits: number): number {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | this.bit(models, base + node);
    return node - (1 << bits);
  }

  /** Decodes `bits` bits, low bit first, each modelled by those before it. */
  reverseTree(models: Uint16Array, base: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(models, base + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #normalize(): void {
    if (this.#range >= 0x1000000) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  #next(): number {
    if (this.#offset === this.#input.length) throw new CorruptData('it is truncated');
    return this.#input[this.#offset++];
  }
}
