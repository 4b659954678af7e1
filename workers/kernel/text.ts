/** Copies and compares text. A copy reads and writes up to COPY_BYTES past its end, which must be accessible. */

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
 * Whether two texts of `length` bytes are equal; `length` is at least 1.
 * @inline
 */
export function same(a: usize, b: usize, length: i32): bool {
  let left = length;
  for (; left > 8; left -= 8, a += 8, b += 8) if (load<u64>(a) !== load<u64>(b)) return false;
  return (load<u64>(a) ^ load<u64>(b)) << u64(64 - (left << 3)) === 0;
}
