// Copies text, COPY_BYTES at a time: what is read from has so much behind it, and what is written to has space for it.

/**
 * @returns where the copy ends
 * @inline
 */
export function copy(from: usize, length: i32, to: usize): usize {
  const end = to + usize(length);
  for (; to < end; to += 16, from += 16) v128.store(to, v128.load(from));
  return end;
}

/**
 * Copies the piece (i32 offset, i32 length) at `piece`, whose offset counts from `base`.
 * @inline
 */
export function copyPiece(base: usize, piece: usize, to: usize): usize {
  return copy(base + load<u32>(piece), load<i32>(piece, 4), to);
}

/**
 * Whether two texts of `length` bytes, at least 1, are the same.
 * @inline
 */
export function same(a: usize, b: usize, length: i32): bool {
  let left = length;
  for (; left > 8; left -= 8, a += 8, b += 8) if (load<u64>(a) !== load<u64>(b)) return false;
  return (load<u64>(a) ^ load<u64>(b)) << u64(64 - (left << 3)) === 0;
}
