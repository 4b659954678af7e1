/**
 * Exact path-dependent TreeSHAP, as LightGBM's PredictContrib defines it.
 *
 * Take a leaf of value v whose path has m different features. Feature j lets a share z_j of the training rows through,
 * and lets this row through (o_j = 1) or not (o_j = 0). The leaf adds
 *     v * (o_i - z_i) * integral over t in 0..1 of product over j != i of f_j(t),    f_j(t) = z_j * (1 - t) + o_j * t
 * to the contribution of feature i: the integral is the Shapley weight (a Beta function) summed over all subsets. The
 * integrand is a polynomial of degree m - 1, so a Gauss-Legendre rule of m / 2 points is exact. For each point t:
 *     products  P of a split: the weight of t, times the f of all features on the path down to it
 *     means     T of a split or leaf: the leaf values below it, each times the f of the features below
 * Take a split on feature i, below other splits on i that together let the share z of rows through, and this row
 * (o = 1) or not (o = 0; above the first split on i, z = o = 1). The row goes to child h, not to c; with this split the
 * shares are z_h and z_c, and z_h + z_c = z. Above the split, f of i is f(t) = z * (1 - t) + o * t; below it, f is
 * f - z_c * (1 - t) towards h and z_c * (1 - t) towards c. So with
 *     g = (1 - t) / f      P_c = z_c * g * P              P_h = P - P_c
 *     d = z_c * (T_h - T_c)                               T = T_h - g * d
 * the split adds P * d / f^2 to the contribution of i if o = 1, and nothing if o = 0. (The terms of all splits on i
 * above one leaf telescope to the leaf's own term.) Nothing is divided at run time: g and 1 / f^2 are tabulated for
 * both cases, and f = 1 for the first split on a feature.
 */
import {
  EXPLAIN_TREE_BYTES,
  EXPLAIN_TREE_INNER,
  EXPLAIN_TREE_LAST_OWN,
  EXPLAIN_TREE_LEAF_COUNT,
  EXPLAIN_TREE_LEAVES,
  EXPLAIN_TREE_OWN,
  EXPLAIN_TREE_PAIRS,
  EXPLAIN_TREE_RULE,
  EXPLAIN_TREE_SPLITS,
  EXPLAIN_TREE_SPLIT_COUNT,
  FLAGS_BYTES,
  FLAGS_SIDE,
  FLAGS_THROUGH,
  HEADER_EXPECTED,
  HEADER_EXPLAIN_SPLITS,
  HEADER_EXPLAIN_TREES,
  HEADER_FEATURES,
  HEADER_OUTPUTS,
  HEADER_TREES_PER_OUTPUT,
  HEADER_VIEW_TOTAL,
  LANE_CONTRIBUTIONS,
  LANE_EXPLAIN,
  LANE_VIEWS,
  SPLIT_ABOVE,
  SPLIT_ABOVE_SIDE,
  SPLIT_BYTES,
  SPLIT_CHILDREN,
  SPLIT_DIFFERENCES,
  SPLIT_FEATURE,
  SPLIT_K,
  SPLIT_OTHER_SHARES,
  SPLIT_VALUES,
  SPLIT_VECTORS,
  SPLIT_VIEW,
} from './layout';
import { field, searchViews } from './search';

/** @inline */
function sideOf(split: usize, views: usize): usize {
  return usize(i32(load<u16>(views + load<u32>(split + SPLIT_VIEW))) >= load<i32>(split + SPLIT_K));
}

/** @inline */
function letsThrough(split: usize, flags: usize): i32 {
  const over = flags + load<u32>(split + SPLIT_ABOVE);
  return load<i32>(over + FLAGS_THROUGH) & ((load<i32>(over + FLAGS_SIDE) ^ load<i32>(split + SPLIT_ABOVE_SIDE)) - 1);
}

/**
 * The vector g of a split: 1 - t, or its own vector if its path has split on the feature before.
 * @inline
 */
function gOf(split: usize, repeated: bool, through: i32, rule: usize, image: usize, vector: usize): usize {
  return repeated ? image + load<u32>(split + SPLIT_VECTORS) + (vector & ~usize(through)) : rule;
}

/**
 * The vector 1 / f^2 of a repeated split.
 * @inline
 */
function overSquare(split: usize, image: usize, vector: usize): usize {
  return image + load<u32>(split + SPLIT_VECTORS) + 2 * vector;
}

/**
 * Stores the products of both children at the pair of points `v`.
 * @inline
 */
function down(at: usize, g: v128, here: usize, there: usize, zThere: v128, v: usize): void {
  const product = v128.load(at + v);
  const away = f64x2.mul(f64x2.mul(zThere, product), g);
  v128.store(there + v, away);
  v128.store(here + v, f64x2.sub(product, away));
}

/**
 * Adds the pair of points `v` of an inner split to `sum`, and stores the mean of the split.
 * @inline
 */
function up(
  repeated: bool,
  sum: v128,
  at: usize,
  g: v128,
  over: usize,
  here: usize,
  there: usize,
  zThere: v128,
  vector: usize,
  v: usize,
): v128 {
  const h = v128.load(here + vector + v);
  const d = f64x2.mul(zThere, f64x2.sub(h, v128.load(there + vector + v)));
  v128.store(at + vector + v, f64x2.sub(h, f64x2.mul(g, d)));
  let product = v128.load(at + v);
  if (repeated) product = f64x2.mul(product, v128.load(over + v));
  return f64x2.add(sum, f64x2.mul(product, d));
}

/** @inline */
function descend(
  split: usize,
  repeated: bool,
  last: usize,
  at: usize,
  flag: usize,
  pairs: i32,
  vector: usize,
  rule: usize,
  image: usize,
  views: usize,
  flags: usize,
  work: usize,
): void {
  const g0 = v128.load(rule);
  const g1 = pairs > 1 ? v128.load(rule + 16) : g0;
  const g2 = pairs > 2 ? v128.load(rule + 32) : g0;
  for (; split < last; split += SPLIT_BYTES, at += 2 * vector, flag += FLAGS_BYTES) {
    const side = sideOf(split, views);
    const through = repeated ? letsThrough(split, flags) : -1;
    store<u64>(flag, u64(side) | (u64(through) << 32));
    const here = work + load<u32>(split + (side << 2), SPLIT_CHILDREN);
    const there = work + load<u32>(split + (side << 2), SPLIT_CHILDREN + 4);
    const zThere = v128.load64_splat(split + (side << 3), SPLIT_OTHER_SHARES);
    const g = gOf(split, repeated, through, rule, image, vector);
    down(at, repeated ? v128.load(g) : g0, here, there, zThere, 0);
    if (pairs > 1) down(at, repeated ? v128.load(g + 16) : g1, here, there, zThere, 16);
    if (pairs > 2) down(at, repeated ? v128.load(g + 32) : g2, here, there, zThere, 32);
    if (pairs > 3) for (let v: usize = 48; v < vector; v += 16) down(at, v128.load(g + v), here, there, zThere, v);
  }
}

/** @inline */
function ascend(
  split: usize,
  repeated: bool,
  first: usize,
  at: usize,
  flag: usize,
  pairs: i32,
  vector: usize,
  rule: usize,
  image: usize,
  work: usize,
  sums: usize,
): void {
  const g0 = v128.load(rule);
  const g1 = pairs > 1 ? v128.load(rule + 16) : g0;
  const g2 = pairs > 2 ? v128.load(rule + 32) : g0;
  for (; split >= first; split -= SPLIT_BYTES, at -= 2 * vector, flag -= FLAGS_BYTES) {
    const side = usize(load<u32>(flag + FLAGS_SIDE));
    const through = repeated ? load<i32>(flag + FLAGS_THROUGH) : -1;
    const here = work + load<u32>(split + (side << 2), SPLIT_CHILDREN);
    const there = work + load<u32>(split + (side << 2), SPLIT_CHILDREN + 4);
    const zThere = v128.load64_splat(split + (side << 3), SPLIT_OTHER_SHARES);
    const g = gOf(split, repeated, through, rule, image, vector);
    const over = repeated ? overSquare(split, image, vector) : 0;
    const target = sums + load<u32>(split + SPLIT_FEATURE);
    let sum = repeated ? f64x2.splat(0) : v128.load(target);
    sum = up(repeated, sum, at, repeated ? v128.load(g) : g0, over, here, there, zThere, vector, 0);
    if (pairs > 1)
      sum = up(repeated, sum, at, repeated ? v128.load(g + 16) : g1, over, here, there, zThere, vector, 16);
    if (pairs > 2)
      sum = up(repeated, sum, at, repeated ? v128.load(g + 32) : g2, over, here, there, zThere, vector, 32);
    if (pairs > 3)
      for (let v: usize = 48; v < vector; v += 16)
        sum = up(repeated, sum, at, v128.load(g + v), over, here, there, zThere, vector, v);
    v128.store(target, repeated ? f64x2.add(v128.load(target), v128.and(sum, i64x2.splat(i64(through)))) : sum);
  }
}

/**
 * Stores the mean of a split between two leaves at the pair of points `v`.
 * @returns the product of the split, divided by f^2 if it is repeated
 * @inline
 */
function upLast(repeated: bool, at: usize, g: v128, over: usize, h: v128, d: v128, vector: usize, v: usize): v128 {
  v128.store(at + vector + v, f64x2.sub(h, f64x2.mul(g, d)));
  const product = v128.load(at + v);
  return repeated ? f64x2.mul(product, v128.load(over + v)) : product;
}

/**
 * Does what `ascend` does, for splits between two leaves: T_h and d are the same at all points, and tabulated.
 * @inline
 */
function ascendLast(
  split: usize,
  repeated: bool,
  first: usize,
  at: usize,
  pairs: i32,
  vector: usize,
  rule: usize,
  image: usize,
  views: usize,
  flags: usize,
  sums: usize,
): void {
  const g0 = v128.load(rule);
  const g1 = pairs > 1 ? v128.load(rule + 16) : g0;
  const g2 = pairs > 2 ? v128.load(rule + 32) : g0;
  for (; split >= first; split -= SPLIT_BYTES, at -= 2 * vector) {
    const side = sideOf(split, views);
    const through = repeated ? letsThrough(split, flags) : -1;
    const h = v128.load64_splat(split + (side << 3), SPLIT_VALUES);
    const d = v128.load64_splat(split + (side << 3), SPLIT_DIFFERENCES);
    const g = gOf(split, repeated, through, rule, image, vector);
    const over = repeated ? overSquare(split, image, vector) : 0;
    const target = sums + load<u32>(split + SPLIT_FEATURE);
    let product = upLast(repeated, at, repeated ? v128.load(g) : g0, over, h, d, vector, 0);
    if (pairs > 1)
      product = f64x2.add(product, upLast(repeated, at, repeated ? v128.load(g + 16) : g1, over, h, d, vector, 16));
    if (pairs > 2)
      product = f64x2.add(product, upLast(repeated, at, repeated ? v128.load(g + 32) : g2, over, h, d, vector, 32));
    if (pairs > 3)
      for (let v: usize = 48; v < vector; v += 16)
        product = f64x2.add(product, upLast(repeated, at, v128.load(g + v), over, h, d, vector, v));
    const added = f64x2.mul(product, d);
    v128.store(target, f64x2.add(v128.load(target), repeated ? v128.and(added, i64x2.splat(i64(through))) : added));
  }
}

/**
 * Explains one row by one tree: computes directions and products downwards, then means and contributions upwards.
 * @inline
 */
function explainTree(
  image: usize,
  tree: usize,
  pairs: i32,
  vector: usize,
  views: usize,
  flags: usize,
  work: usize,
  sums: usize,
): void {
  const rule = image + load<u32>(tree + EXPLAIN_TREE_RULE);
  for (let v: usize = 0; v < vector; v += 16) v128.store(work + v, v128.load(rule + vector + v));
  const own = image + load<u32>(tree + EXPLAIN_TREE_SPLITS);
  const owns = usize(load<u32>(tree + EXPLAIN_TREE_OWN));
  const inner = usize(load<u32>(tree + EXPLAIN_TREE_INNER));
  const lastOwns = usize(load<u32>(tree + EXPLAIN_TREE_LAST_OWN));
  const splits = usize(load<u32>(tree + EXPLAIN_TREE_SPLIT_COUNT));
  const repeated = own + owns * SPLIT_BYTES;
  const last = own + inner * SPLIT_BYTES;
  const lastRepeated = own + lastOwns * SPLIT_BYTES;
  const stop = own + splits * SPLIT_BYTES;
  const place: usize = 2 * vector;
  // The last splits get their products from their parents and have no splits below, so there is no descent for them.
  descend(own, false, repeated, work, flags, pairs, vector, rule, image, views, flags, work);
  const repeatedAt = work + owns * place;
  const repeatedFlag = flags + owns * FLAGS_BYTES;
  descend(repeated, true, last, repeatedAt, repeatedFlag, pairs, vector, rule, image, views, flags, work);
  const stopAt = work + (splits - 1) * place;
  ascendLast(stop - SPLIT_BYTES, true, lastRepeated, stopAt, pairs, vector, rule, image, views, flags, sums);
  const lastAt = work + (lastOwns - 1) * place;
  ascendLast(lastRepeated - SPLIT_BYTES, false, last, lastAt, pairs, vector, rule, image, views, flags, sums);
  const innerAt = work + (inner - 1) * place;
  const innerFlag = flags + (inner - 1) * FLAGS_BYTES;
  ascend(last - SPLIT_BYTES, true, repeated, innerAt, innerFlag, pairs, vector, rule, image, work, sums);
  const ownAt = work + (owns - 1) * place;
  const ownFlag = flags + (owns - 1) * FLAGS_BYTES;
  ascend(repeated - SPLIT_BYTES, false, own, ownAt, ownFlag, pairs, vector, rule, image, work, sums);
}

/** Copies the values of leaves whose sibling is a split to where `ascend` reads the means of nodes. */
function placeLeaves(image: usize, tree: usize, pairs: i32, vector: usize, work: usize): void {
  let at = work + usize(load<u32>(tree + EXPLAIN_TREE_SPLIT_COUNT)) * 2 * vector + vector;
  let leaf = image + load<u32>(tree + EXPLAIN_TREE_LEAVES);
  for (
    const stop = leaf + (usize(load<u32>(tree + EXPLAIN_TREE_LEAF_COUNT)) << 3);
    leaf < stop;
    leaf += 8, at += 2 * vector
  ) {
    const value = v128.load64_splat(leaf);
    v128.store(at, value);
    if (pairs > 1) v128.store(at, value, 16);
    if (pairs > 2) v128.store(at, value, 32);
    if (pairs > 3) for (let v: usize = 48; v < vector; v += 16) v128.store(at + v, value);
  }
}

/** Computes the contributions [outputs][features + 1] of rows first..end of an explain lane. */
export function explain(image: usize, lane: usize, first: i32, end: i32): void {
  searchViews(image, lane, first, end);
  const outputs = field(image, HEADER_OUTPUTS);
  const trees = field(image, HEADER_TREES_PER_OUTPUT);
  const features = field(image, HEADER_FEATURES);
  const sumBytes = usize(features) << 4;
  const viewBytes = usize(field(image, HEADER_VIEW_TOTAL)) << 1;
  const firstSums = lane + load<u32>(lane + LANE_EXPLAIN);
  const flags = firstSums + usize(end - first) * sumBytes;
  const everThrough = flags + usize(field(image, HEADER_EXPLAIN_SPLITS)) * FLAGS_BYTES;
  const work = (everThrough + FLAGS_BYTES + 15) & ~15;
  const firstViews = lane + load<u32>(lane + LANE_VIEWS) + usize(first) * viewBytes;
  const lastViews = firstViews + usize(end - first) * viewBytes;
  const contributions = lane + load<u32>(lane + LANE_CONTRIBUTIONS);
  let tree = image + field(image, HEADER_EXPLAIN_TREES);
  store<u64>(everThrough, u64(0xffffffff) << 32);
  for (let k = 0; k < outputs; k++) {
    memory.fill(firstSums, 0, usize(end - first) * sumBytes);
    // All rows of the batch go through one tree, then through the next, so that the tree stays in the L1 cache.
    for (let n = 0; n < trees; n++, tree += EXPLAIN_TREE_BYTES) {
      const pairs = load<i32>(tree + EXPLAIN_TREE_PAIRS);
      const vector = usize(pairs) << 4;
      placeLeaves(image, tree, pairs, vector, work);
      let sums = firstSums;
      for (let views = firstViews; views < lastViews; views += viewBytes, sums += sumBytes) {
        // With constant arguments, the compiler emits straight-line code for the most common path lengths.
        if (pairs === 2) explainTree(image, tree, 2, 32, views, flags, work, sums);
        else if (pairs === 3) explainTree(image, tree, 3, 48, views, flags, work, sums);
        else explainTree(image, tree, pairs, vector, views, flags, work, sums);
      }
    }
    let sums = firstSums;
    for (let r = first; r < end; r++) {
      let phi = contributions + (usize((r * outputs + k) * (features + 1)) << 3);
      for (let f = 0; f < features; f++, phi += 8, sums += 16) {
        const sum = v128.load(sums);
        store<f64>(phi, f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
      }
      store<f64>(phi, load<f64>(image + field(image, HEADER_EXPECTED) + (usize(k) << 3)));
    }
  }
}
