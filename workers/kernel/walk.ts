/**
 * The strategy walk, for every model: any number of leaves, and linear leaves. Nodes compare small integers (views),
 * not doubles.
 */
import {
  HEADER_FEATURES,
  HEADER_LINEAR,
  HEADER_LINEAR_COEFFICIENTS,
  HEADER_LINEAR_CONSTANTS,
  HEADER_LINEAR_FEATURES,
  HEADER_LINEAR_VALUES,
  HEADER_NODES,
  HEADER_OUTPUTS,
  HEADER_ROOTS,
  HEADER_ROOTS_PER_OUTPUT,
  HEADER_VIEW_TOTAL,
  LANE_RAW,
  LANE_ROWS,
  LANE_VIEWS,
  WALK_BLOCK,
} from './layout';
import { field, searchViews } from './search';

/** LightGBM's kZeroThreshold, the float 1e-35f. */
const ZERO_THRESHOLD: f64 = 1.0000000180025095e-35;

/**
 * Takes one step without a branch: to the next node (8 bytes further) if view < k, else to the right child. A leaf has
 * k 0 and distance 0, so the walk stays there.
 * @inline
 */
function step(at: usize, node: u64, views: usize): usize {
  const view = u32(load<u16>(views + usize((node >> 16) & 0xffffff)));
  return at + select<usize>(8, usize(node >> 40) << 3, view < u32(node & 0xffff));
}

/** @inline */
function leafOf(image: usize, leaf: usize, linear: bool, row: usize): f64 {
  return linear ? linearOutput(image, load<i32>(leaf, 8), row) : load<f64>(leaf, 8);
}

function linearOutput(image: usize, leaf: i32, row: usize): f64 {
  const terms = image + field(image, HEADER_LINEAR) + (usize(leaf) << 2);
  const features = image + field(image, HEADER_LINEAR_FEATURES);
  const coefficients = image + field(image, HEADER_LINEAR_COEFFICIENTS);
  let output = load<f64>(image + field(image, HEADER_LINEAR_CONSTANTS) + (usize(leaf) << 3));
  for (let term = load<i32>(terms), stop = load<i32>(terms, 4); term < stop; term++) {
    const x = load<f64>(row + (usize(load<i32>(features + (usize(term) << 2))) << 3));
    if (x !== x) return load<f64>(image + field(image, HEADER_LINEAR_VALUES) + (usize(leaf) << 3));
    output += load<f64>(coefficients + (usize(term) << 3)) * (abs(x) <= ZERO_THRESHOLD ? 0.0 : x);
  }
  return output;
}

/** Computes the raw scores [outputs] of rows first..end of the lane. */
export function rawWalk(image: usize, lane: usize, first: i32, end: i32): void {
  searchViews(image, lane, first, end);
  const outputs = field(image, HEADER_OUTPUTS);
  const rootBytes = usize(field(image, HEADER_ROOTS_PER_OUTPUT)) << 2;
  const linear = field(image, HEADER_LINEAR) !== 0;
  const nodes = image + field(image, HEADER_NODES);
  const viewBytes = usize(field(image, HEADER_VIEW_TOTAL)) << 1;
  const rowBytes = usize(field(image, HEADER_FEATURES)) << 3;
  let views = lane + load<u32>(lane + LANE_VIEWS) + usize(first) * viewBytes;
  let row = lane + load<u32>(lane + LANE_ROWS) + usize(first) * rowBytes;
  let raw = lane + load<u32>(lane + LANE_RAW) + usize((first * outputs) << 3);
  for (let r = first; r < end; r++, views += viewBytes, row += rowBytes) {
    let root = image + field(image, HEADER_ROOTS);
    for (let k = 0; k < outputs; k++, raw += 8) {
      let sum: f64 = 0;
      for (const stop = root + rootBytes; root < stop; root += WALK_BLOCK << 2) {
        // Eight trees are walked in parallel: a load takes several cycles, and the loads of different trees overlap.
        let a = nodes + load<u32>(root);
        let b = nodes + load<u32>(root, 4);
        let c = nodes + load<u32>(root, 8);
        let d = nodes + load<u32>(root, 12);
        let e = nodes + load<u32>(root, 16);
        let f = nodes + load<u32>(root, 20);
        let g = nodes + load<u32>(root, 24);
        let h = nodes + load<u32>(root, 28);
        let moving: u64;
        do {
          let node = load<u64>(a);
          moving = node;
          a = step(a, node, views);
          node = load<u64>(b);
          moving |= node;
          b = step(b, node, views);
          node = load<u64>(c);
          moving |= node;
          c = step(c, node, views);
          node = load<u64>(d);
          moving |= node;
          d = step(d, node, views);
          node = load<u64>(e);
          moving |= node;
          e = step(e, node, views);
          node = load<u64>(f);
          moving |= node;
          f = step(f, node, views);
          node = load<u64>(g);
          moving |= node;
          g = step(g, node, views);
          node = load<u64>(h);
          moving |= node;
          h = step(h, node, views);
        } while (moving !== 0);
        sum += leafOf(image, a, linear, row);
        sum += leafOf(image, b, linear, row);
        sum += leafOf(image, c, linear, row);
        sum += leafOf(image, d, linear, row);
        sum += leafOf(image, e, linear, row);
        sum += leafOf(image, f, linear, row);
        sum += leafOf(image, g, linear, row);
        sum += leafOf(image, h, linear, row);
      }
      store<f64>(raw, sum);
    }
  }
}
