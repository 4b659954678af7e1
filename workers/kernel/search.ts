// From values to slots: one column at a time over all rows of the batch, so that its cuts stay in the nearest cache.
import {
  COLUMN_BYTES, COLUMN_DEPTH, COLUMN_FEATURE, COLUMN_FIRST, COLUMN_FIRST_VIEW, COLUMN_MISSING, COLUMN_SETS, COLUMN_SET_TABLE,
  COLUMN_STREAM, COLUMN_STRIDE, COLUMN_TABLE, HEADER_COLUMNS, HEADER_COLUMN_COUNT, HEADER_FEATURES, HEADER_NUMERICAL_COLUMNS,
  HEADER_NUMERICAL_VIEWS, HEADER_STREAMS, HEADER_STREAM_COUNT, HEADER_VIEWS, HEADER_VIEW_TOTAL, LANE_ROWS, LANE_SLOTS,
  LANE_STREAMS, LANE_VIEWS, VIEW_BYTES, VIEW_COLUMN, VIEW_MISSING, VIEW_MISSING_SLOT, VIEW_ZERO, VIEW_ZERO_SLOT,
} from './layout';

// @ts-ignore: decorator
@inline
export function field(image: usize, offset: i32): i32 {
  return load<i32>(image + <usize>offset);
}

/** Number of cuts below x, without a branch that depends on x. */
// @ts-ignore: decorator
@inline
function countBelow(cuts: usize, depth: i32, x: f64): i32 {
  let at = cuts;
  for (let step: usize = <usize>4 << depth; step >= 8; step >>= 1) {
    at += step & (0 - <usize>(load<f64>(at + step - 8) < x));
  }
  return <i32>((at - cuts) >> 3);
}

// @ts-ignore: decorator
@inline
function numericalSlot(image: usize, column: usize, x: f64): i32 {
  const slot = countBelow(image + load<u32>(column + COLUMN_TABLE), load<i32>(column + COLUMN_DEPTH), x);
  return x == x ? slot : load<i32>(column + COLUMN_MISSING);
}

// int(x) truncates towards zero; missing, negative and unknown categories share slot 0.
// @ts-ignore: decorator
@inline
function categoricalSlot(image: usize, column: usize, x: f64): i32 {
  if (!(x > -1.0 && x < <f64>load<i32>(column + COLUMN_MISSING))) return 0;
  return <i32>load<u16>(image + load<u32>(column + COLUMN_TABLE) + (<usize>(<i32>x) << 1));
}

/** Fills the lane's streams with each row's table offsets. */
export function searchStreams(image: usize, lane: usize, first: i32, end: i32): void {
  const features = <usize>field(image, HEADER_FEATURES) << 3;
  const streams = <usize>field(image, HEADER_STREAM_COUNT) << 2;
  const rows = lane + load<u32>(lane + LANE_ROWS);
  const out = lane + load<u32>(lane + LANE_STREAMS);
  const columns = field(image, HEADER_COLUMN_COUNT);
  const numerical = field(image, HEADER_NUMERICAL_COLUMNS);
  const bases = image + field(image, HEADER_STREAMS);
  let column = image + field(image, HEADER_COLUMNS);
  for (let c = 0; c < columns; c++, column += COLUMN_BYTES) {
    const stream = load<u32>(column + COLUMN_STREAM) << 2;
    const stride = load<i32>(column + COLUMN_STRIDE);
    const isFirst = load<i32>(column + COLUMN_FIRST);
    const base = load<i32>(bases + stream) + <i32>image;
    let value = rows + <usize>first * features + (<usize>load<u32>(column + COLUMN_FEATURE) << 3);
    let target = out + <usize>first * streams + stream;
    for (let row = first; row < end; row++, value += features, target += streams) {
      const x = load<f64>(value);
      const slot = c < numerical ? numericalSlot(image, column, x) : categoricalSlot(image, column, x);
      store<i32>(target, (isFirst ? base : load<i32>(target)) + slot * stride);
    }
  }
}

/** Fills the lane's slots, then its views. */
export function searchViews(image: usize, lane: usize, first: i32, end: i32): void {
  const features = <usize>field(image, HEADER_FEATURES) << 3;
  const columns = field(image, HEADER_COLUMN_COUNT);
  const numerical = field(image, HEADER_NUMERICAL_COLUMNS);
  const slotBytes = <usize>columns << 2;
  const viewBytes = <usize>field(image, HEADER_VIEW_TOTAL) << 1;
  const rows = lane + load<u32>(lane + LANE_ROWS);
  const slots = lane + load<u32>(lane + LANE_SLOTS);
  const views = lane + load<u32>(lane + LANE_VIEWS);
  let column = image + field(image, HEADER_COLUMNS);
  for (let c = 0; c < numerical; c++, column += COLUMN_BYTES) {
    let value = rows + <usize>first * features + (<usize>load<u32>(column + COLUMN_FEATURE) << 3);
    let target = slots + <usize>first * slotBytes + (<usize>c << 2);
    for (let row = first; row < end; row++, value += features, target += slotBytes) {
      store<i32>(target, numericalSlot(image, column, load<f64>(value)));
    }
  }
  for (let c = numerical; c < columns; c++, column += COLUMN_BYTES) {
    const line = <usize>load<u32>(column + COLUMN_SETS) << 1;
    const sets = image + load<u32>(column + COLUMN_SET_TABLE);
    let value = rows + <usize>first * features + (<usize>load<u32>(column + COLUMN_FEATURE) << 3);
    let target = views + <usize>first * viewBytes + (<usize>load<u32>(column + COLUMN_FIRST_VIEW) << 1);
    for (let row = first; row < end; row++, value += features, target += viewBytes) {
      memory.copy(target, sets + <usize>categoricalSlot(image, column, load<f64>(value)) * line, line);
    }
  }
  const numericalViews = field(image, HEADER_NUMERICAL_VIEWS);
  let view = image + field(image, HEADER_VIEWS);
  for (let v = 0; v < numericalViews; v++, view += VIEW_BYTES) {
    const missingSlot = load<i32>(view + VIEW_MISSING_SLOT);
    const missing = load<i32>(view + VIEW_MISSING);
    const zeroSlot = load<i32>(view + VIEW_ZERO_SLOT);
    const zero = load<i32>(view + VIEW_ZERO);
    let source = slots + <usize>first * slotBytes + (<usize>load<u32>(view + VIEW_COLUMN) << 2);
    let target = views + <usize>first * viewBytes + (<usize>v << 1);
    for (let row = first; row < end; row++, source += slotBytes, target += viewBytes) {
      const slot = load<i32>(source);
      store<u16>(target, <u16>(slot == missingSlot ? missing : slot == zeroSlot ? zero : slot + 1));
    }
  }
}
