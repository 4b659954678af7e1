/** What TreeSHAP needs of a booster beyond its nodes: each leaf's path in different features, and the quadrature rules. */
import type { Booster, Tree } from './booster.js';

export interface TreePaths {
  /** [nodes] place of the node's feature among the different features of its path, in the tree's own node numbers. */
  readonly unique: Uint16Array;
  /** Per leaf, in the tree's own leaf numbers. */
  readonly leaves: readonly { readonly features: Int32Array; readonly shares: Float64Array }[];
}

/** TreeSHAP is defined by the training rows in each node; LightGBM does not define it for linear leaves. */
export const isExplainable = (booster: Booster): boolean =>
  booster.trees.every((tree) => tree.linear === undefined && (tree.leafCount === 1 || (tree.leafRows !== undefined && tree.nodeRows !== undefined && tree.nodeRows.every((rows) => rows > 0))));

/** @param tree of an explainable booster */
export function treePaths(tree: Tree): TreePaths {
  const unique = new Uint16Array(tree.leafCount - 1);
  const leaves: { features: Int32Array; shares: Float64Array }[] = Array.from({ length: tree.leafCount });
  const nodeRows = tree.nodeRows as Float64Array;
  const leafRows = tree.leafRows as Float64Array;
  const pending: { at: number; features: readonly number[]; shares: readonly number[] }[] = [{ at: tree.leafCount === 1 ? ~0 : 0, features: [], shares: [] }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { at, features, shares } = next;
    if (at < 0) {
      leaves[~at] = { features: Int32Array.from(features), shares: Float64Array.from(shares) };
      continue;
    }
    const feature = tree.splitFeature[at];
    const seen = features.indexOf(feature);
    const place = seen < 0 ? features.length : seen;
    unique[at] = place;
    for (const child of [tree.leftChild[at], tree.rightChild[at]]) {
      const share = (child < 0 ? leafRows[~child] : nodeRows[child]) / nodeRows[at];
      pending.push({
        at: child,
        features: seen < 0 ? [...features, feature] : features,
        shares: seen < 0 ? [...shares, share] : shares.with(place, share * shares[place]),
      });
    }
  }
  return { unique, leaves };
}

/** LightGBM's `ExpectedValue`: the leaf values weighted by their share of training rows. */
export function expectedValue(tree: Tree): number {
  if (tree.leafCount === 1) return tree.leafValue[0];
  const total = (tree.nodeRows as Float64Array)[0];
  return tree.leafValue.reduce((sum, value, leaf) => sum + ((tree.leafRows as Float64Array)[leaf] / total) * value, 0);
}

/** Gauss-Legendre rule of `points` points on 0..1, as [point, weight, point, weight, ...]; exact for polynomials of degree 2 * points - 1. */
export function gaussLegendre(points: number): Float64Array {
  const rule = new Float64Array(2 * points);
  for (let i = 0; i < points; i++) {
    // Newton's method on the Legendre polynomial from Tricomi's estimate of its i-th root.
    let x = Math.cos((Math.PI * (i + 0.75)) / (points + 0.5));
    let slope = 1;
    for (let round = 0; round < 20; round++) {
      let previous = 1;
      let value = x;
      for (let k = 2; k <= points; k++) [previous, value] = [value, ((2 * k - 1) * x * value - (k - 1) * previous) / k];
      slope = (points * (x * value - previous)) / (x * x - 1);
      const step = value / slope;
      x -= step;
      if (Math.abs(step) < 1e-16) break;
    }
    rule[2 * i] = (x + 1) / 2;
    rule[2 * i + 1] = 1 / ((1 - x * x) * slope * slope);
  }
  return rule;
}
