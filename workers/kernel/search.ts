/** Turns values into slots, one column at a time over all rows of the batch, so that its cuts stay in the L1 cache. */
import {
  COLUMN_BYTES,
  COLUMN_FEATURE,
  COLUMN_FIRST,
  COLUMN_FIRST_VIEW,
  COLUMN_LENGTH,
  COLUMN_MISSING,
  COLUMN_MISSING_VIEWS,
  COLUMN_SETS,
  COLUMN_SET_TABLE,
  COLUMN_STREAM,
  COLUMN_STRIDE,
  COLUMN_TABLE,
  HEADER_COLUMNS,
  HEADER_COLUMN_COUNT,
  HEADER_FEATURES,
  HEADER_NUMERICAL_COLUMNS,
  HEADER_SHORT_COLUMNS,
  HEADER_SPECIAL_VIEWS,
  HEADER_STREAMS,
  HEADER_STREAM_COUNT,
  HEADER_VIEWS,
  HEADER_VIEW_TOTAL,
  LANE_ROWS,
  LANE_STREAMS,
  LANE_VIEWS,
  VIEW_BYTES,
  VIEW_LEFT,
  VIEW_MISSING,
  VIEW_SOURCE,
  VIEW_ZERO,
  VIEW_RIGHT,
  VIEW_ZERO_SOURCE,
  WIDE_SET_BITS,
  WIDE_SET_BYTES,
  WIDE_SET_WORDS,
} from './layout';

/** @inline */
export function field(image: usize, offset: i32): i32 {
  return load<i32>(image + usize(offset));
}

/**
 * The number of cuts below x in a long column, without a branch that depends on x.
 * @inline
 */
function searchCuts(cuts: usize, depth: i32, x: f64): i32 {
  let at = cuts;
  for (let step: usize = usize(4) << depth; step >= 8; step >>= 1) {
    at += step & (0 - usize(load<f64>(at + step - 8) < x));
  }
  return i32((at - cuts) >> 3);
}

/**
 * The number of cuts below x in a short column. Comparing all of them, two at a time, is faster than a search: the
 * comparisons do not depend on each other.
 * @inline
 */
function countCuts(cuts: usize, pairs: i32, x: f64): i32 {
  const value = f64x2.splat(x);
  let below = i64x2.splat(0);
  for (const stop = cuts + (usize(pairs) << 4); cuts < stop; cuts += 16)
    below = i64x2.sub(below, f64x2.lt(v128.load(cuts), value));
  return i32(i64x2.extract_lane(below, 0) + i64x2.extract_lane(below, 1));
}

const SHORT = 0;
const LONG = 1;
const CATEGORICAL = 2;

/**
 * The number of cuts below x; 0 if x is missing.
 * @inline
 */
function cutsBelow(kind: i32, table: usize, length: i32, x: f64): i32 {
  return kind === SHORT ? countCuts(table, length, x) : searchCuts(table, length, x);
}

/**
 * The slot of category x, truncated towards zero; missing, negative and unknown categories share slot 0.
 * @inline
 */
function categoricalSlot(image: usize, column: usize, x: f64): i32 {
  if (!(x > -1.0 && x < f64(load<i32>(column + COLUMN_MISSING)))) return 0;
  return i32(load<u16>(image + load<u32>(column + COLUMN_TABLE) + (usize(i32(x)) << 1)));
}

/**
 * Adds the slots of the columns column..stop, all of one kind, to their streams.
 * @inline
 */
function addToStreams(kind: i32, column: usize, stop: usize, image: usize, lane: usize, first: i32, end: i32): void {
  const features = usize(field(image, HEADER_FEATURES)) << 3;
  const streams = usize(field(image, HEADER_STREAM_COUNT)) << 2;
  const rows = lane + load<u32>(lane + LANE_ROWS) + usize(first) * features;
  const out = lane + load<u32>(lane + LANE_STREAMS) + usize(first) * streams;
  const bases = image + field(image, HEADER_STREAMS);
  for (; column < stop; column += COLUMN_BYTES) {
    const stream = load<u32>(column + COLUMN_STREAM) << 2;
    const stride = load<i32>(column + COLUMN_STRIDE);
    const isFirst = load<i32>(column + COLUMN_FIRST);
    const base = load<i32>(bases + stream) + i32(image);
    const table = image + load<u32>(column + COLUMN_TABLE);
    const length = load<i32>(column + COLUMN_LENGTH);
    const missing = load<i32>(column + COLUMN_MISSING);
    let value = rows + (usize(load<u32>(column + COLUMN_FEATURE)) << 3);
    let target = out + stream;
    for (let row = first; row < end; row++, value += features, target += streams) {
      const x = load<f64>(value);
      let slot: i32;
      if (kind === CATEGORICAL) slot = categoricalSlot(image, column, x);
      else {
        const below = cutsBelow(kind, table, length, x);
        slot = x === x ? below : missing;
      }
      store<i32>(target, (isFirst ? base : load<i32>(target)) + slot * stride);
    }
  }
}

/** Fills the lane's streams with the table offsets of rows first..end. */
export function searchStreams(image: usize, lane: usize, first: i32, end: i32): void {
  const columns = image + field(image, HEADER_COLUMNS);
  const long = columns + usize(field(image, HEADER_SHORT_COLUMNS)) * COLUMN_BYTES;
  const categorical = columns + usize(field(image, HEADER_NUMERICAL_COLUMNS)) * COLUMN_BYTES;
  addToStreams(SHORT, columns, long, image, lane, first, end);
  addToStreams(LONG, long, categorical, image, lane, first, end);
  addToStreams(
    CATEGORICAL,
    categorical,
    columns + usize(field(image, HEADER_COLUMN_COUNT)) * COLUMN_BYTES,
    image,
    lane,
    first,
    end,
  );
}

/**
 * Fills both views of the numerical columns column..stop, all of one kind.
 * @inline
 */
function fillViews(
  kind: i32,
  column: usize,
  stop: usize,
  image: usize,
  lane: usize,
  views: usize,
  first: i32,
  end: i32,
): void {
  const features = usize(field(image, HEADER_FEATURES)) << 3;
  const viewBytes = usize(field(image, HEADER_VIEW_TOTAL)) << 1;
  const rows = lane + load<u32>(lane + LANE_ROWS) + usize(first) * features;
  for (; column < stop; column += COLUMN_BYTES, views += 4) {
    const table = image + load<u32>(column + COLUMN_TABLE);
    const length = load<i32>(column + COLUMN_LENGTH);
    const missing = load<i32>(column + COLUMN_MISSING_VIEWS);
    let value = rows + (usize(load<u32>(column + COLUMN_FEATURE)) << 3);
    let target = views;
    for (let row = first; row < end; row++, value += features, target += viewBytes) {
      const x = load<f64>(value);
      const both = (cutsBelow(kind, table, length, x) + 1) * 0x10001;
      store<i32>(target, x === x ? both : missing);
    }
  }
}

/** Fills the views of a wide column: each set says whether it has the row's category. */
function fillWideViews(
  column: usize,
  image: usize,
  rows: usize,
  features: usize,
  views: usize,
  viewBytes: usize,
  first: i32,
  end: i32,
): void {
  const sets = image + load<u32>(column + COLUMN_SET_TABLE);
  const lastSet = sets + usize(load<u32>(column + COLUMN_SETS)) * WIDE_SET_BYTES;
  let value = rows + (usize(load<u32>(column + COLUMN_FEATURE)) << 3);
  let target = views + (usize(load<u32>(column + COLUMN_FIRST_VIEW)) << 1);
  for (let row = first; row < end; row++, value += features, target += viewBytes) {
    const x = load<f64>(value);
    // No set has a category that is missing, negative or no i32.
    const category = x > -1.0 && x < 2147483648.0 ? i32(x) : -1;
    const word = category >> 5;
    let view = target;
    for (let set = sets; set < lastSet; set += WIDE_SET_BYTES, view += 2) {
      let isIn = 0;
      if (category >= 0 && word < load<i32>(set + WIDE_SET_WORDS)) {
        const bits = load<u32>(image + load<u32>(set + WIDE_SET_BITS) + (usize(word) << 2));
        isIn = i32((bits >> (category & 31)) & 1);
      }
      store<u16>(view, u16(isIn === 1 ? VIEW_LEFT : VIEW_RIGHT));
    }
  }
}

/** Fills the lane's views of rows first..end. */
export function searchViews(image: usize, lane: usize, first: i32, end: i32): void {
  const features = usize(field(image, HEADER_FEATURES)) << 3;
  const viewBytes = usize(field(image, HEADER_VIEW_TOTAL)) << 1;
  const rows = lane + load<u32>(lane + LANE_ROWS) + usize(first) * features;
  const views = lane + load<u32>(lane + LANE_VIEWS) + usize(first) * viewBytes;
  const columns = image + field(image, HEADER_COLUMNS);
  const short = usize(field(image, HEADER_SHORT_COLUMNS));
  const numerical = usize(field(image, HEADER_NUMERICAL_COLUMNS));
  const lastColumn = columns + usize(field(image, HEADER_COLUMN_COUNT)) * COLUMN_BYTES;
  let column = columns + numerical * COLUMN_BYTES;
  fillViews(SHORT, columns, columns + short * COLUMN_BYTES, image, lane, views, first, end);
  fillViews(LONG, columns + short * COLUMN_BYTES, column, image, lane, views + (short << 2), first, end);
  for (; column < lastColumn; column += COLUMN_BYTES) {
    if (load<i32>(column + COLUMN_TABLE) === 0) {
      fillWideViews(column, image, rows, features, views, viewBytes, first, end);
      continue;
    }
    const line = usize(load<u32>(column + COLUMN_SETS)) << 1;
    const sets = image + load<u32>(column + COLUMN_SET_TABLE);
    let value = rows + (usize(load<u32>(column + COLUMN_FEATURE)) << 3);
    let target = views + (usize(load<u32>(column + COLUMN_FIRST_VIEW)) << 1);
    for (let row = first; row < end; row++, value += features, target += viewBytes) {
      memory.copy(target, sets + usize(categoricalSlot(image, column, load<f64>(value))) * line, line);
    }
  }
  const specials = field(image, HEADER_SPECIAL_VIEWS);
  let view = image + field(image, HEADER_VIEWS);
  for (let v = 0; v < specials; v++, view += VIEW_BYTES) {
    const missing = load<i32>(view + VIEW_MISSING);
    const zeroSource = load<i32>(view + VIEW_ZERO_SOURCE);
    const zero = load<i32>(view + VIEW_ZERO);
    let source = views + (usize(load<u32>(view + VIEW_SOURCE)) << 1);
    let target = views + ((numerical * 2 + usize(v)) << 1);
    for (let row = first; row < end; row++, source += viewBytes, target += viewBytes) {
      const seen = i32(load<u16>(source));
      store<u16>(target, u16(seen === VIEW_LEFT ? missing : seen === zeroSource ? zero : seen));
    }
  }
}
