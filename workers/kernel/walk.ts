// Strategy walk: every model, any number of leaves, linear leaves too. Nodes compare small integers (views), not doubles.
import {
  HEADER_CATEGORY_BITS, HEADER_COLUMN_COUNT, HEADER_FEATURES, HEADER_LINEAR, HEADER_LINEAR_COEFFICIENTS, HEADER_LINEAR_CONSTANTS,
  HEADER_LINEAR_FEATURES, HEADER_NODES, HEADER_OUTPUTS, HEADER_ROOTS, HEADER_TREES_PER_OUTPUT, HEADER_VALUES, HEADER_VIEW_COUNT,
  LANE_RAW, LANE_ROWS, LANE_SLOTS, LANE_VIEWS, NODE_BYTES, NODE_K, NODE_LEFT, NODE_RIGHT, NODE_VIEW,
} from './layout';
import { field, searchViews } from './search';

/** LightGBM's kZeroThreshold, the float 1e-35f. */
const ZERO_THRESHOLD: f64 = 1.0000000180025095e-35;

// @ts-ignore: decorator
@inline
export function goesLeft(image: usize, node: usize, slots: usize, views: usize): bool {
  const view = load<i32>(node + NODE_VIEW);
  const k = load<i32>(node + NODE_K);
  if (view >= 0) return load<i32>(views + (<usize>view << 2)) <= k;
  const bit = k + load<i32>(slots + (<usize>~view << 2));
  const word = load<u32>(image + field(image, HEADER_CATEGORY_BITS) + (<usize>(bit >> 5) << 2));
  return <bool>((word >> (bit & 31)) & 1);
}

// @ts-ignore: decorator
@inline
function findLeaf(image: usize, nodes: usize, root: i32, slots: usize, views: usize): i32 {
  let at = root;
  while (at >= 0) {
    const node = nodes + <usize>at * NODE_BYTES;
    at = load<i32>(node + (goesLeft(image, node, slots, views) ? NODE_LEFT : NODE_RIGHT));
  }
  return ~at;
}

function linearOutput(image: usize, leaf: i32, row: usize): f64 {
  const terms = image + field(image, HEADER_LINEAR) + (<usize>leaf << 2);
  const features = image + field(image, HEADER_LINEAR_FEATURES);
  const coefficients = image + field(image, HEADER_LINEAR_COEFFICIENTS);
  let output = load<f64>(image + field(image, HEADER_LINEAR_CONSTANTS) + (<usize>leaf << 3));
  for (let term = load<i32>(terms), stop = load<i32>(terms, 4); term < stop; term++) {
    const x = load<f64>(row + (<usize>load<i32>(features + (<usize>term << 2)) << 3));
    if (x != x) return load<f64>(image + field(image, HEADER_VALUES) + (<usize>leaf << 3));
    output += load<f64>(coefficients + (<usize>term << 3)) * (abs(x) <= ZERO_THRESHOLD ? 0.0 : x);
  }
  return output;
}

/** [outputs] raw scores of rows first..end of the lane. */
export function rawWalk(image: usize, lane: usize, first: i32, end: i32): void {
  searchViews(image, lane, first, end);
  const outputs = field(image, HEADER_OUTPUTS);
  const trees = field(image, HEADER_TREES_PER_OUTPUT);
  const linear = field(image, HEADER_LINEAR);
  const nodes = image + field(image, HEADER_NODES);
  const values = image + field(image, HEADER_VALUES);
  const slotBytes = <usize>field(image, HEADER_COLUMN_COUNT) << 2;
  const viewBytes = <usize>field(image, HEADER_VIEW_COUNT) << 2;
  const rowBytes = <usize>field(image, HEADER_FEATURES) << 3;
  let slots = lane + load<u32>(lane + LANE_SLOTS) + <usize>first * slotBytes;
  let views = lane + load<u32>(lane + LANE_VIEWS) + <usize>first * viewBytes;
  let row = lane + load<u32>(lane + LANE_ROWS) + <usize>first * rowBytes;
  let raw = lane + load<u32>(lane + LANE_RAW) + <usize>(first * outputs << 3);
  for (let r = first; r < end; r++, slots += slotBytes, views += viewBytes, row += rowBytes) {
    let root = image + field(image, HEADER_ROOTS);
    for (let k = 0; k < outputs; k++, raw += 8) {
      let sum: f64 = 0;
      for (let t = 0; t < trees; t++, root += 4) {
        const leaf = findLeaf(image, nodes, load<i32>(root), slots, views);
        sum += linear ? linearOutput(image, leaf, row) : load<f64>(values + (<usize>leaf << 3));
      }
      store<f64>(raw, sum);
    }
  }
}
