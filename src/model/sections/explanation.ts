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
  /** The nearest split above on the same feature, and on which side of it this one is. */
  readonly above: { readonly split: Split; readonly isLeft: boolean } | undefined;
  /** Shares that the path's splits on the feature let through: those above, and with this one to either side. */
  readonly aboveShare: number;
  readonly leftShare: number;
  readonly rightShare: number;
  /** Children: a split, or ~leaf. */
  left: Split | number;
  right: Split | number;
  /** Place in the order of the kernel. */
  place: number;
}

interface Run {
  readonly kind: number;
  readonly splits: Split[];
}

interface ExplainedTree {
  readonly runs: readonly Run[];
  readonly splitCount: number;
  readonly repeatedCount: number;
  /** Different features on the longest path. */
  readonly longest: number;
}

function explainedTree(tree: Tree): ExplainedTree {
  const splits: Split[] = [];
  let longest = 0;
  const nodeRows = tree.nodeRows as Float64Array;
  const rowsOf = (child: number): number => (child < 0 ? (tree.leafRows as Float64Array)[~child] : nodeRows[child]);
  // An explicit stack: trees may be deeper than a call stack. `path` holds the nearest split above by feature.
  type Path = ReadonlyMap<number, { readonly split: Split; readonly isLeft: boolean }>;
  const pending: { child: number; parent: Split | undefined; isLeft: boolean; path: Path }[] = [{ child: rootOf(tree), parent: undefined, isLeft: false, path: new Map() }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { child, parent, isLeft, path } = next;
    if (child < 0) {
      longest = Math.max(longest, path.size);
      if (parent !== undefined) parent[isLeft ? 'left' : 'right'] = child;
      continue;
    }
    const feature = tree.splitFeature[child];
    const above = path.get(feature);
    const aboveShare = above === undefined ? 1 : above.isLeft ? above.split.leftShare : above.split.rightShare;
    const leftShare = (aboveShare * rowsOf(tree.leftChild[child])) / nodeRows[child];
    const rightShare = (aboveShare * rowsOf(tree.rightChild[child])) / nodeRows[child];
    const split: Split = { node: child, feature, above, aboveShare, leftShare, rightShare, left: 0, right: 0, place: 0 };
    splits.push(split);
    if (parent !== undefined) parent[isLeft ? 'left' : 'right'] = split;
    for (const left of [false, true]) {
      pending.push({ child: (left ? tree.leftChild : tree.rightChild)[child], parent: split, isLeft: left, path: new Map(path).set(feature, { split, isLeft: left }) });
    }
  }
  const runs = inRuns(splits);
  runs.flatMap((run) => run.splits).forEach((split, place) => (split.place = place));
  return { runs, splitCount: splits.length, repeatedCount: splits.filter(({ above }) => above !== undefined).length, longest };
}

/** Parents before children, splits of one kind together as far as that goes; those with two leaves last. */
function inRuns(splits: readonly Split[]): Run[] {
  const isLast = ({ left, right }: Split): boolean => typeof left === 'number' && typeof right === 'number';
  const runs: Run[] = [];
  const available: Record<number, Split[]> = { [L.RUN_OWN]: [], [L.RUN_REPEATED]: [], [L.RUN_LAST_OWN]: [], [L.RUN_LAST_REPEATED]: [] };
  const offer = (split: Split | number): void => {
    if (typeof split === 'number') return;
    available[(split.above === undefined ? L.RUN_OWN : L.RUN_REPEATED) + (isLast(split) ? 2 : 0)].push(split);
  };
  if (splits.length > 0) offer(splits[0]);
  for (const kinds of [[L.RUN_OWN, L.RUN_REPEATED], [L.RUN_LAST_OWN], [L.RUN_LAST_REPEATED]]) {
    for (let turn = 0; kinds.some((kind) => available[kind].length > 0); turn++) {
      const kind = kinds[turn % kinds.length];
      const run: Run = { kind, splits: [] };
      // Taking a split offers its children, which may join the same run.
      for (let split = available[kind].shift(); split !== undefined; split = available[kind].shift()) {
        run.splits.push(split);
        offer(split.left);
        offer(split.right);
      }
      if (run.splits.length > 0) runs.push(run);
    }
  }
  return runs;
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
  const runs = explained.map((tree) => plan.reserve(L.RUN_BYTES * tree.runs.length));
  const splits = explained.map((tree) => plan.reserve(L.SPLIT_BYTES * tree.splitCount));
  const vectors = explained.map((tree, i) => plan.reserve(32 * pairs[i] * tree.repeatedCount, 16));
  const leaves = order.map((t) => plan.reserve(8 * booster.trees[t].leafCount));
  const expected = plan.reserve(8 * booster.outputs);
  const shape = { splits: Math.max(0, ...explained.map((tree) => tree.splitCount)), pairs: Math.max(1, ...pairs) };
  const write: Write = ({ i32, f64, i32s, f64s }) => {
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
      const record = records + L.EXPLAIN_TREE_BYTES * i;
      i32(record + L.EXPLAIN_TREE_SPLITS, splits[i]);
      i32(record + L.EXPLAIN_TREE_RUNS, runs[i]);
      i32(record + L.EXPLAIN_TREE_RUN_COUNT, tree.runs.length);
      i32(record + L.EXPLAIN_TREE_PAIRS, pairs[i]);
      i32(record + L.EXPLAIN_TREE_RULE, rules.get(pairs[i]) as number);
      i32(record + L.EXPLAIN_TREE_VECTORS, vectors[i]);
      i32(record + L.EXPLAIN_TREE_LEAVES, leaves[i]);
      i32(record + L.EXPLAIN_TREE_LEAF_COUNT, leafValue.length);
      f64s(leaves[i], leafValue);
      const workspace = (child: Split | number): number => 2 * vectorBytes * (typeof child === 'number' ? tree.splitCount + ~child : child.place);
      let inverse = 0;
      tree.runs.forEach((run, r) => {
        i32(runs[i] + L.RUN_BYTES * r, run.kind);
        i32(runs[i] + L.RUN_BYTES * r + 4, run.splits.length);
        for (const split of run.splits) {
          const at = splits[i] + L.SPLIT_BYTES * split.place;
          const { k, view } = comparison(columns.decisions[order[i]][split.node], places);
          i32(at + L.SPLIT_K, k);
          i32(at + L.SPLIT_VIEW, view);
          i32(at + L.SPLIT_FEATURE, 16 * split.feature);
          i32s(at + L.SPLIT_CHILDREN, [workspace(split.left), workspace(split.right)]);
          f64s(at + L.SPLIT_SHARES, [split.leftShare, split.rightShare]);
          f64(at + L.SPLIT_ABOVE_SHARE, split.aboveShare);
          if (split.above === undefined) continue;
          i32(at + L.SPLIT_ABOVE, L.FLAGS_BYTES * split.above.split.place);
          i32(at + L.SPLIT_ABOVE_SIDE, split.above.isLeft ? 0 : 1);
          i32(at + L.SPLIT_INVERSE, inverse);
          f64s(vectors[i] + inverse, t.map((x) => 1 / (split.aboveShare * (1 - x) + x)));
          // Where no training row got through, the product is 0 whatever it is divided by.
          f64s(vectors[i] + inverse + vectorBytes, t.map((x) => (split.aboveShare === 0 ? 0 : 1 / (split.aboveShare * (1 - x)))));
          inverse += 2 * vectorBytes;
        }
      });
    });
    const perOutput = iterationCount(booster);
    f64s(expected, Array.from({ length: booster.outputs }, (_, k) => order.slice(k * perOutput, (k + 1) * perOutput).reduce((sum, tree) => sum + expectedValue(booster.trees[tree]), 0)));
  };
  return { write, shape };
}
