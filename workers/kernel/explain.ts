// Exact path-dependent TreeSHAP, as LightGBM's PredictContrib defines it.
//
// A leaf of value v whose path has m different features, of which feature j lets through a share z_j of the training rows and
// (o_j = 1) or not (o_j = 0) this row, adds
//     v * (o_i - z_i) * integral over t in 0..1 of product over j != i of f_j(t),    f_j(t) = z_j * (1 - t) + o_j * t
// to the contribution of feature i: the integral is the Shapley weight (a Beta function) summed over all subsets. The integrand
// is a polynomial of degree m - 1, so a Gauss-Legendre rule of m / 2 points is exact. For each point t:
//     products  P of a split: the weight of t, times the f of all features on the path down to it
//     means     T of a split or leaf: what is below it, leaf values times the f of the features below
// A split on feature i whose path has not met i before adds P * (c_L * T_L + c_R * T_R) to i's contribution, where
// c = (1 where the row goes there, else 0) - share; and its mean is f_L * T_L + f_R * T_R. Where the path has met i before, with
// share z and the row let through, f becomes f / f_above, c becomes (z or 0) - share, and the sum is divided by f_above once
// more; where the row was not let through, f / f_above is the split's own share and the contribution is nil. (Add up the terms of
// all splits on i above one leaf: they telescope to the leaf's own.) Nothing is divided at run time: 1 / f_above is tabulated.
import {
  EXPLAIN_TREE_BYTES, EXPLAIN_TREE_COUNT, EXPLAIN_TREE_PAIRS, EXPLAIN_TREE_RULE, EXPLAIN_TREE_SPLITS, EXPLAIN_TREE_VECTORS,
  HEADER_EXPECTED, HEADER_EXPLAIN_SPLITS, HEADER_EXPLAIN_TREES, HEADER_FEATURES, HEADER_OUTPUTS, HEADER_TREES_PER_OUTPUT, HEADER_VIEW_TOTAL,
  LANE_CONTRIBUTIONS, LANE_EXPLAIN, LANE_VIEWS, SPLIT_ABOVE, SPLIT_ABOVE_LEFT, SPLIT_ABOVE_SHARE, SPLIT_BYTES, SPLIT_FEATURE,
  SPLIT_INVERSE, SPLIT_K, SPLIT_LEFT, SPLIT_LEFT_SHARE, SPLIT_RIGHT, SPLIT_RIGHT_SHARE, SPLIT_VIEW,
} from './layout';
import { field, searchViews } from './search';

// Per split of the tree at hand, in the lane's scratch: whether the row goes left here, and whether the splits above on the same
// feature let it through, as i32 masks (0 or -1).
const FLAGS_BYTES = 8;
const FLAG_LEFT = 0;
const FLAG_THROUGH = 4;

// @ts-ignore: decorator
@inline
function choose(mask: i32, yes: usize, no: usize): usize {
  return (yes & <usize>mask) | (no & ~<usize>mask);
}

/** Downwards: where the row goes at each split, and the product of every split. */
// @ts-ignore: decorator
@inline
function descend(splits: usize, count: i32, vector: usize, rule: usize, vectors: usize, views: usize, flags: usize, work: usize): void {
  for (let v: usize = 0; v < vector; v += 16) v128.store(work + v, v128.load(rule + 2 * vector + v));
  // Products of leaves are not needed; they go to a place past the last split.
  const spare = work + <usize>count * 2 * vector;
  let at = work;
  for (let n = 0; n < count; n++, at += 2 * vector) {
    const split = splits + <usize>n * SPLIT_BYTES;
    const left = 0 - i32(<i32>load<u16>(views + load<u32>(split + SPLIT_VIEW)) < load<i32>(split + SPLIT_K));
    const above = load<i32>(split + SPLIT_ABOVE);
    let through: i32 = -1;
    if (above >= 0) {
      const over = flags + <usize>above * FLAGS_BYTES;
      through = load<i32>(over + FLAG_THROUGH) & ~(load<i32>(over + FLAG_LEFT) ^ (0 - load<i32>(split + SPLIT_ABOVE_LEFT)));
    }
    store<i32>(flags + <usize>n * FLAGS_BYTES + FLAG_LEFT, left);
    store<i32>(flags + <usize>n * FLAGS_BYTES + FLAG_THROUGH, through);
    const toLeft = load<i32>(split + SPLIT_LEFT);
    const toRight = load<i32>(split + SPLIT_RIGHT);
    if ((toLeft & toRight) < 0) continue;
    const leftWork = choose(toLeft >> 31, spare, work + <usize>toLeft * 2 * vector);
    const rightWork = choose(toRight >> 31, spare, work + <usize>toRight * 2 * vector);
    const leftShare = load<f64>(split + SPLIT_LEFT_SHARE);
    const rightShare = load<f64>(split + SPLIT_RIGHT_SHARE);
    if (through == 0) {
      for (let v: usize = 0; v < vector; v += 16) {
        const product = v128.load(at + v);
        v128.store(leftWork + v, f64x2.mul(product, f64x2.splat(leftShare)));
        v128.store(rightWork + v, f64x2.mul(product, f64x2.splat(rightShare)));
      }
      continue;
    }
    const aboveShare = load<f64>(split + SPLIT_ABOVE_SHARE);
    const zLeft = f64x2.splat(leftShare * aboveShare);
    const zRight = f64x2.splat(rightShare * aboveShare);
    const isLeft = i64x2.splat(<i64>left);
    const inverse = vectors + <usize>load<i32>(split + SPLIT_INVERSE) * vector;
    for (let v: usize = 0; v < vector; v += 16) {
      let product = v128.load(at + v);
      if (above >= 0) product = f64x2.mul(product, v128.load(inverse + v));
      const t = v128.load(rule + v);
      const rest = v128.load(rule + vector + v);
      v128.store(leftWork + v, f64x2.mul(product, f64x2.add(f64x2.mul(zLeft, rest), v128.and(t, isLeft))));
      v128.store(rightWork + v, f64x2.mul(product, f64x2.add(f64x2.mul(zRight, rest), v128.andnot(t, isLeft))));
    }
  }
}

/** Upwards: the mean of every split, and what it adds to its feature. */
// @ts-ignore: decorator
@inline
function ascend(splits: usize, count: i32, vector: usize, rule: usize, vectors: usize, flags: usize, work: usize, sums: usize): void {
  let at = work + <usize>(count - 1) * 2 * vector;
  for (let n = count - 1; n >= 0; n--, at -= 2 * vector) {
    const split = splits + <usize>n * SPLIT_BYTES;
    const toLeft = load<i32>(split + SPLIT_LEFT);
    const toRight = load<i32>(split + SPLIT_RIGHT);
    const leftMeans = choose(toLeft >> 31, vectors + <usize>~toLeft * vector, work + <usize>toLeft * 2 * vector + vector);
    const rightMeans = choose(toRight >> 31, vectors + <usize>~toRight * vector, work + <usize>toRight * 2 * vector + vector);
    const leftShare = load<f64>(split + SPLIT_LEFT_SHARE);
    const rightShare = load<f64>(split + SPLIT_RIGHT_SHARE);
    if (load<i32>(flags + <usize>n * FLAGS_BYTES + FLAG_THROUGH) == 0) {
      for (let v: usize = 0; v < vector; v += 16) {
        v128.store(at + vector + v, f64x2.add(f64x2.mul(v128.load(leftMeans + v), f64x2.splat(leftShare)), f64x2.mul(v128.load(rightMeans + v), f64x2.splat(rightShare))));
      }
      continue;
    }
    const above = load<i32>(split + SPLIT_ABOVE);
    const aboveShare = load<f64>(split + SPLIT_ABOVE_SHARE);
    const isLeft = i64x2.splat(<i64>load<i32>(flags + <usize>n * FLAGS_BYTES + FLAG_LEFT));
    const zLeft = f64x2.splat(leftShare * aboveShare);
    const zRight = f64x2.splat(rightShare * aboveShare);
    const whole = f64x2.splat(aboveShare);
    const cLeft = f64x2.sub(v128.and(whole, isLeft), zLeft);
    const cRight = f64x2.sub(v128.andnot(whole, isLeft), zRight);
    const inverse = vectors + <usize>load<i32>(split + SPLIT_INVERSE) * vector;
    const target = sums + load<u32>(split + SPLIT_FEATURE);
    let sum = v128.load(target);
    for (let v: usize = 0; v < vector; v += 16) {
      const t = v128.load(rule + v);
      const rest = v128.load(rule + vector + v);
      const meanLeft = v128.load(leftMeans + v);
      const meanRight = v128.load(rightMeans + v);
      let mean = f64x2.add(
        f64x2.mul(meanLeft, f64x2.add(f64x2.mul(zLeft, rest), v128.and(t, isLeft))),
        f64x2.mul(meanRight, f64x2.add(f64x2.mul(zRight, rest), v128.andnot(t, isLeft))),
      );
      let part = f64x2.mul(v128.load(at + v), f64x2.add(f64x2.mul(cLeft, meanLeft), f64x2.mul(cRight, meanRight)));
      if (above >= 0) {
        const over = v128.load(inverse + v);
        mean = f64x2.mul(mean, over);
        part = f64x2.mul(part, f64x2.mul(over, over));
      }
      v128.store(at + vector + v, mean);
      sum = f64x2.add(sum, part);
    }
    v128.store(target, sum);
  }
}

/** [outputs][features + 1] contributions of rows first..end of an explain lane. */
export function explain(image: usize, lane: usize, first: i32, end: i32): void {
  searchViews(image, lane, first, end);
  const outputs = field(image, HEADER_OUTPUTS);
  const trees = field(image, HEADER_TREES_PER_OUTPUT);
  const features = field(image, HEADER_FEATURES);
  const sums = lane + load<u32>(lane + LANE_EXPLAIN);
  const flags = sums + (<usize>features << 4);
  const work = flags + ((<usize>(field(image, HEADER_EXPLAIN_SPLITS) + 1) * FLAGS_BYTES + 15) & ~15);
  const viewBytes = <usize>field(image, HEADER_VIEW_TOTAL) << 1;
  let views = lane + load<u32>(lane + LANE_VIEWS) + <usize>first * viewBytes;
  let phi = lane + load<u32>(lane + LANE_CONTRIBUTIONS) + <usize>(first * outputs * (features + 1) << 3);
  for (let r = first; r < end; r++, views += viewBytes) {
    let tree = image + field(image, HEADER_EXPLAIN_TREES);
    for (let k = 0; k < outputs; k++) {
      memory.fill(sums, 0, <usize>features << 4);
      for (let n = 0; n < trees; n++, tree += EXPLAIN_TREE_BYTES) {
        const splits = image + load<u32>(tree + EXPLAIN_TREE_SPLITS);
        const count = load<i32>(tree + EXPLAIN_TREE_COUNT);
        const vector = <usize>load<u32>(tree + EXPLAIN_TREE_PAIRS) << 4;
        const rule = image + load<u32>(tree + EXPLAIN_TREE_RULE);
        const vectors = image + load<u32>(tree + EXPLAIN_TREE_VECTORS);
        descend(splits, count, vector, rule, vectors, views, flags, work);
        ascend(splits, count, vector, rule, vectors, flags, work, sums);
      }
      for (let f = 0; f < features; f++, phi += 8) {
        const sum = v128.load(sums + (<usize>f << 4));
        store<f64>(phi, f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
      }
      store<f64>(phi, load<f64>(image + field(image, HEADER_EXPECTED) + (<usize>k << 3)));
      phi += 8;
    }
  }
}
