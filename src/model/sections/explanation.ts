/** Section of the image: what TreeSHAP needs. The method is told in `workers/kernel/explain.ts`. */
import * as L from '../../../workers/kernel/layout.js';
import { type Booster, type Tree, iterationCount } from '../booster.js';
import type { Columns } from '../columns.js';
import { gaussLegendre } from '../quadrature.js';
import type { ViewPlaces } from './columns.js';
import { comparison, outputOrder, rootOf } from './nodes.js';
import type { Plan, Write } from './sheet.js';

/** TreeSHAP is defined by the training rows in each node; LightGBM does not define it for linear leaves. */
export const isExplainable = (booster: Booster): boolean =>
  booster.trees.every(
    (tree) => tree.linear === undefined && (tree.leafCount === 1 || (tree.leafRows !== undefined && tree.nodeRows !== undefined && tree.nodeRows.every((rows) => rows > 0))),
  );

/** What a lane needs to know: -1 splits where the model cannot be explained. */
export interface ExplainShape {
  /** Most splits of one tree. */
  readonly splits: number;
  /** Most pairs of quadrature points of one tree. */
  readonly pairs: number;
}

interface Split {
  readonly node: number;
  readonly feature: number;
  /** Place of the nearest split above on the same feature, -1 where there is none. */
  readonly above: number;
  readonly aboveLeft: boolean;
  readonly aboveShare: number;
  readonly leftShare: number;
  readonly rightShare: number;
  /** Place in the tree, or ~leaf. */
  left: number;
  right: number;
}

interface ExplainedTree {
  readonly splits: readonly Split[];
  /** Different features on the longest path. */
  readonly longest: number;
}

interface Above {
  readonly split: number;
  readonly isLeft: boolean;
  readonly share: number;
}

function explainedTree(tree: Tree): ExplainedTree {
  const splits: Split[] = [];
  let longest = 0;
  const nodeRows = tree.nodeRows as Float64Array;
  const rowsOf = (child: number): number => (child < 0 ? (tree.leafRows as Float64Array)[~child] : nodeRows[child]);
  // Preorder with an explicit stack: trees may be deeper than a call stack. `path` holds the splits above by feature.
  const pending: { child: number; parent: number; isLeft: boolean; path: ReadonlyMap<number, Above> }[] = [{ child: rootOf(tree), parent: -1, isLeft: false, path: new Map() }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { child, parent, isLeft, path } = next;
    if (parent >= 0) splits[parent][isLeft ? 'left' : 'right'] = child < 0 ? child : splits.length;
    if (child < 0) {
      longest = Math.max(longest, path.size);
      continue;
    }
    const feature = tree.splitFeature[child];
    const above = path.get(feature);
    const aboveShare = above?.share ?? 1;
    const leftShare = rowsOf(tree.leftChild[child]) / nodeRows[child];
    const rightShare = rowsOf(tree.rightChild[child]) / nodeRows[child];
    const split = splits.length;
    splits.push({ node: child, feature, above: above?.split ?? -1, aboveLeft: above?.isLeft ?? false, aboveShare, leftShare, rightShare, left: 0, right: 0 });
    const below = (left: boolean): ReadonlyMap<number, Above> => new Map(path).set(feature, { split, isLeft: left, share: aboveShare * (left ? leftShare : rightShare) });
    pending.push({ child: tree.rightChild[child], parent: split, isLeft: false, path: below(false) }, { child: tree.leftChild[child], parent: split, isLeft: true, path: below(true) });
  }
  return { splits, longest };
}

/** LightGBM's `ExpectedValue`: the leaf values weighted by their share of training rows. */
function expectedValue(tree: Tree): number {
  if (tree.leafCount === 1) return tree.leafValue[0];
  const total = (tree.nodeRows as Float64Array)[0];
  return tree.leafValue.reduce((sum, value, leaf) => sum + ((tree.leafRows as Float64Array)[leaf] / total) * value, 0);
}

/** @param booster an explainable one */
export function explanationSection(plan: Plan, booster: Booster, columns: Columns, places: ViewPlaces): { readonly write: Write; readonly shape: ExplainShape } {
  const order = outputOrder(booster);
  const explained = order.map((t) => explainedTree(booster.trees[t]));
  // Exact for a polynomial of degree length - 1 with length / 2 points; points come in pairs, a v128 each.
  const pairs = explained.map(({ longest }) => Math.max(1, Math.ceil(Math.ceil(longest / 2) / 2)));
  const rules = new Map([...new Set(pairs)].map((count) => [count, plan.reserve(8 * 3 * 2 * count, 16)]));
  const records = plan.reserve(L.EXPLAIN_TREE_BYTES * order.length);
  const splits = explained.map((tree) => plan.reserve(L.SPLIT_BYTES * tree.splits.length));
  const repeated = explained.map((tree) => tree.splits.filter(({ above }) => above >= 0).length);
  const vectors = explained.map((_tree, i) => plan.reserve(16 * pairs[i] * (booster.trees[order[i]].leafCount + repeated[i]), 16));
  const expected = plan.reserve(8 * booster.outputs);
  const shape = { splits: Math.max(0, ...explained.map((tree) => tree.splits.length)), pairs: Math.max(1, ...pairs) };
  const write: Write = ({ i32, f64, f64s }) => {
    i32(L.HEADER_EXPLAIN_TREES, records);
    i32(L.HEADER_EXPECTED, expected);
    i32(L.HEADER_EXPLAIN_SPLITS, shape.splits);
    const points = new Map([...rules].map(([count, at]) => {
      const { points: t, weights } = gaussLegendre(2 * count);
      f64s(at, t);
      f64s(at + 16 * count, t.map((x) => 1 - x));
      f64s(at + 32 * count, weights);
      return [count, t];
    }));
    explained.forEach((tree, i) => {
      const { leafValue } = booster.trees[order[i]];
      const vectorBytes = 16 * pairs[i];
      const t = points.get(pairs[i]) as Float64Array;
      i32(records + L.EXPLAIN_TREE_BYTES * i + L.EXPLAIN_TREE_SPLITS, splits[i]);
      i32(records + L.EXPLAIN_TREE_BYTES * i + L.EXPLAIN_TREE_COUNT, tree.splits.length);
      i32(records + L.EXPLAIN_TREE_BYTES * i + L.EXPLAIN_TREE_PAIRS, pairs[i]);
      i32(records + L.EXPLAIN_TREE_BYTES * i + L.EXPLAIN_TREE_RULE, rules.get(pairs[i]) as number);
      i32(records + L.EXPLAIN_TREE_BYTES * i + L.EXPLAIN_TREE_VECTORS, vectors[i]);
      leafValue.forEach((value, leaf) => {
        for (let point = 0; point < t.length; point++) f64(vectors[i] + vectorBytes * leaf + 8 * point, value);
      });
      let inverse = leafValue.length;
      tree.splits.forEach((split, n) => {
        const at = splits[i] + L.SPLIT_BYTES * n;
        const { k, view } = comparison(columns.decisions[order[i]][split.node], places);
        i32(at + L.SPLIT_K, k);
        i32(at + L.SPLIT_VIEW, view);
        i32(at + L.SPLIT_FEATURE, 16 * split.feature);
        i32(at + L.SPLIT_ABOVE, split.above);
        i32(at + L.SPLIT_ABOVE_LEFT, split.aboveLeft ? 1 : 0);
        i32(at + L.SPLIT_LEFT, split.left);
        i32(at + L.SPLIT_RIGHT, split.right);
        f64(at + L.SPLIT_LEFT_SHARE, split.leftShare);
        f64(at + L.SPLIT_RIGHT_SHARE, split.rightShare);
        f64(at + L.SPLIT_ABOVE_SHARE, split.aboveShare);
        if (split.above < 0) return;
        i32(at + L.SPLIT_INVERSE, inverse);
        f64s(vectors[i] + vectorBytes * inverse, t.map((x) => 1 / (split.aboveShare * (1 - x) + x)));
        inverse++;
      });
    });
    const perOutput = iterationCount(booster);
    f64s(expected, Array.from({ length: booster.outputs }, (_, k) => order.slice(k * perOutput, (k + 1) * perOutput).reduce((sum, tree) => sum + expectedValue(booster.trees[tree]), 0)));
  };
  return { write, shape };
}
