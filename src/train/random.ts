/**
 * Random numbers that have the same bits on any engine: made by integer arithmetic and by + - * / and sqrt on doubles,
 * which IEEE 754 rounds exactly. `Math.exp` and `Math.log` are not used, because their last bit may differ between
 * versions of an engine.
 */
export class Random {
  readonly #state = new Uint32Array(4);

  /** @param seed a whole number from 0 to 2^53 - 1 */
  constructor(seed: number) {
    // splitmix32 over both halves of the seed, so that neighbouring seeds give unrelated states. A state of all zeros
    // is excluded below.
    let mix = (seed % 0x1_0000_0000) ^ Math.imul(Math.floor(seed / 0x1_0000_0000) + 1, 0x9e37_79b1);
    for (let i = 0; i < 4; i++) {
      mix = (mix + 0x9e37_79b9) | 0;
      let word = mix;
      word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
      word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
      this.#state[i] = word ^ (word >>> 16);
    }
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** 32 random bits (xoshiro128**, Blackman and Vigna 2018). */
  bits(): number {
    const state = this.#state;
    const scrambled = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotateLeft(state[3], 11);
    return scrambled;
  }

  /** A multiple of 2^-53 in [0, 1). */
  uniform(): number {
    return ((this.bits() >>> 5) * 0x400_0000 + (this.bits() >>> 6)) / 0x20_0000_0000_0000;
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** A standard normal number (Marsaglia's polar method; the second value of a pair is dropped). */
  normal(): number {
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const square = u * u + v * v;
      if (square > 0 && square < 1) return u * Math.sqrt((-2 * naturalLog(square)) / square);
    }
  }

  /** A standard logistic number. */
  logistic(): number {
    for (;;) {
      const u = this.uniform();
      if (u > 0) return naturalLog(u / (1 - u));
    }
  }

  /** A Poisson number with a mean of at most a few dozen (by Knuth's multiplication). */
  poisson(mean: number): number {
    const stop = exponential(-mean);
    let count = 0;
    for (let product = this.uniform(); product > stop; product *= this.uniform()) count++;
    return count;
  }

  /** An index, drawn in proportion to `weights`, which need not sum to 1. */
  pick(weights: readonly number[]): number {
    let left = this.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    for (let index = 0; index < weights.length - 1; index++) {
      left -= weights[index];
      if (left < 0) return index;
    }
    return weights.length - 1;
  }

  /** Puts `items` in random order, in place (Fisher and Yates). */
  shuffle(items: Uint32Array): void {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [items[last], items[other]] = [items[other], items[last]];
    }
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** ln 2 in two parts, the first with 21 trailing zero bits, so that its small multiples are exact. */
const LN2_HIGH = 0.693_147_180_369_123_8;
const LN2_LOW = 1.908_214_929_270_587_7e-10;

/** e to the `x` within a few units in the last place, for |x| up to 700; 0 below that. */
export function exponential(x: number): number {
  if (x < -700) return 0;
  const power = Math.round(x / Math.LN2);
  const reduced = x - power * LN2_HIGH - power * LN2_LOW;
  let result = 1;
  for (let n = 14; n >= 1; n--) result = 1 + (result * reduced) / n;
  for (let i = 0; i < power; i++) result *= 2;
  for (let i = 0; i > power; i--) result /= 2;
  return result;
}

/** The natural logarithm of a positive normal `x` within a few units in the last place. */
export function naturalLog(x: number): number {
  let mantissa = x;
  let exponent = 0;
  for (; mantissa > Math.SQRT2; mantissa /= 2) exponent++;
  for (; mantissa < Math.SQRT1_2; mantissa *= 2) exponent--;
  // ln m = 2 artanh((m - 1) / (m + 1)), |ratio| < 0.172: the series is exhausted after 11 terms.
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let sum = 0;
  for (let n = 23; n >= 1; n -= 2) sum = sum * square + 1 / n;
  return 2 * ratio * sum + exponent * Math.LN2;
}

/** The probability whose log odds are `x`. */
export function sigmoid(x: number): number {
  return 1 / (1 + exponential(-x));
}
