/**
 * Writes the powers of ten with which the kernel reads and writes decimal numbers. `workers/kernel/layout.ts` documents
 * the layout.
 */
import { POWERS, POWERS_MIN, POWERS_MAX } from '../../workers/kernel/layout.js';

const BITS = 128n;

export function writePowersOfTen({ buffer }: WebAssembly.Memory): void {
  const words = new BigUint64Array(buffer, POWERS, 2 * (POWERS_MAX - POWERS_MIN + 1));
  for (let exponent = POWERS_MIN; exponent <= POWERS_MAX; exponent++) {
    const power = normalized(exponent);
    const at = 2 * (exponent - POWERS_MIN);
    words[at] = BigInt.asUintN(64, power);
    words[at + 1] = power >> 64n;
  }
}

/** 10^exponent times the power of two that makes it an integer of exactly 128 bits, rounded up if inexact. */
function normalized(exponent: number): bigint {
  const power = 10n ** BigInt(Math.abs(exponent));
  const bits = BigInt(power.toString(2).length);
  if (exponent >= 0) return power << (BITS - bits);
  const reciprocal = (1n << (BITS - 1n + bits)) / power + 1n;
  return reciprocal >> BITS === 0n ? reciprocal : (reciprocal + 1n) >> 1n;
}
