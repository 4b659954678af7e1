/**
 * The strategies mask32 and mask64: the AND over the streams of a row leaves one bit in each tree, which is its leaf.
 * Leaf values are added one by one in tree order, in f64. This is LightGBM's order, so the sum has LightGBM's bits.
 */
import {
  HEADER_LEAF_SHIFT,
  HEADER_LEAVES,
  HEADER_OUTPUTS,
  HEADER_STREAM_COUNT,
  HEADER_STREAM_TREES,
  LANE_RAW,
  LANE_STREAMS,
} from './layout';
import { field, searchStreams } from './search';

/** @inline */
function value(values: usize, leaf: usize): f64 {
  return load<f64>(values + (leaf << 3));
}

/**
 * Adds the leaf values of four trees. Masks are extracted in pairs: extracting 64 bits costs as much as extracting 32.
 * @inline
 */
function addFour(sum: f64, mask: v128, values: usize, tree: usize): f64 {
  const low = v128.extract_lane<u64>(mask, 0);
  const high = v128.extract_lane<u64>(mask, 1);
  sum += value(values, usize(ctz(u32(low))));
  sum += value(values + tree, usize(ctz(u32(low >> 32))));
  sum += value(values + 2 * tree, usize(ctz(u32(high))));
  return sum + value(values + 3 * tree, usize(ctz(u32(high >> 32))));
}

/** @inline */
function addTwo(sum: f64, mask: v128, values: usize, tree: usize): f64 {
  sum += value(values, usize(ctz(v128.extract_lane<u64>(mask, 0))));
  return sum + value(values + tree, usize(ctz(v128.extract_lane<u64>(mask, 1))));
}

/** Computes the raw scores [outputs] of rows first..end of the lane. */
export function rawMask32(image: usize, lane: usize, first: i32, end: i32): void {
  searchStreams(image, lane, first, end);
  const outputs = field(image, HEADER_OUTPUTS);
  const streams = field(image, HEADER_STREAM_COUNT);
  const tree = usize(8) << field(image, HEADER_LEAF_SHIFT);
  const bytes = usize(field(image, HEADER_STREAM_TREES)) << 2;
  const wide = bytes & ~63;
  let row = lane + load<u32>(lane + LANE_STREAMS) + usize((first * streams) << 2);
  let raw = lane + load<u32>(lane + LANE_RAW) + usize((first * outputs) << 3);
  for (let r = first; r < end; r++, row += usize(streams) << 2) {
    const rowEnd = row + (usize(streams) << 2);
    let values = image + field(image, HEADER_LEAVES);
    let start: usize = 0;
    for (let k = 0; k < outputs; k++, raw += 8) {
      let sum: f64 = 0;
      let at = start;
      for (const stop = start + wide; at < stop; at += 64) {
        let p = usize(load<u32>(row)) + at;
        let a = v128.load(p);
        let b = v128.load(p, 16);
        let c = v128.load(p, 32);
        let d = v128.load(p, 48);
        for (let s = row + 4; s < rowEnd; s += 4) {
          p = usize(load<u32>(s)) + at;
          a = v128.and(a, v128.load(p));
          b = v128.and(b, v128.load(p, 16));
          c = v128.and(c, v128.load(p, 32));
          d = v128.and(d, v128.load(p, 48));
        }
        sum = addFour(sum, a, values, tree);
        sum = addFour(sum, b, values + 4 * tree, tree);
        sum = addFour(sum, c, values + 8 * tree, tree);
        sum = addFour(sum, d, values + 12 * tree, tree);
        values += 16 * tree;
      }
      for (const stop = start + bytes; at < stop; at += 16) {
        let a = v128.load(usize(load<u32>(row)) + at);
        for (let s = row + 4; s < rowEnd; s += 4) a = v128.and(a, v128.load(usize(load<u32>(s)) + at));
        sum = addFour(sum, a, values, tree);
        values += 4 * tree;
      }
      start += bytes;
      store<f64>(raw, sum);
    }
  }
}

/** Does what `rawMask32` does, with two trees per vector. */
export function rawMask64(image: usize, lane: usize, first: i32, end: i32): void {
  searchStreams(image, lane, first, end);
  const outputs = field(image, HEADER_OUTPUTS);
  const streams = field(image, HEADER_STREAM_COUNT);
  const tree = usize(8) << field(image, HEADER_LEAF_SHIFT);
  const bytes = usize(field(image, HEADER_STREAM_TREES)) << 3;
  let row = lane + load<u32>(lane + LANE_STREAMS) + usize((first * streams) << 2);
  let raw = lane + load<u32>(lane + LANE_RAW) + usize((first * outputs) << 3);
  for (let r = first; r < end; r++, row += usize(streams) << 2) {
    const rowEnd = row + (usize(streams) << 2);
    let values = image + field(image, HEADER_LEAVES);
    let start: usize = 0;
    for (let k = 0; k < outputs; k++, raw += 8) {
      let sum: f64 = 0;
      for (let at = start, stop = start + bytes; at < stop; at += 32) {
        let p = usize(load<u32>(row)) + at;
        let a = v128.load(p);
        let b = v128.load(p, 16);
        for (let s = row + 4; s < rowEnd; s += 4) {
          p = usize(load<u32>(s)) + at;
          a = v128.and(a, v128.load(p));
          b = v128.and(b, v128.load(p, 16));
        }
        sum = addTwo(sum, a, values, tree);
        sum = addTwo(sum, b, values + 2 * tree, tree);
        values += 4 * tree;
      }
      start += bytes;
      store<f64>(raw, sum);
    }
  }
}
