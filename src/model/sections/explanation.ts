/** Section of the image: what TreeSHAP needs. The method is told in `workers/kernel/explain.ts`. */
import * as L from '../../../workers/kernel/layout.js';
import { type Booster, type Tree, iterationCount } from '../booster.js';
import type { Columns } from '../columns.js';
import { gaussLegendre } from '../quadrature.js';
import type { ViewPlaces } from './columns.js';
import { comparison, outputOrder } from './nodes.js';
import type { Plan, Write } from './sheet.js';

/** The runs that splits stand in, in this order (layout.ts). */
const RUN = { own: 0, repeated: 1, lastOwn: 2, lastRepeated: 3 } as const;

/** TreeSHAP is defined by the training rows in each node; LightGBM does not define it for linear leaves. */
export const isExplainable = (booster: Booster): boolean =>
  booster.trees.every(
    (tree) =>
      tree.linear === undefined &&
      (tree.leafCount === 1 ||
        (tree.leafRows !== undefined && tree.nodeRows !== undefined && addUp(tree, tree.leafRows, tree.nodeRows))),
  );

/** Whether every node has rows, and its children's add up to them, as LightGBM writes them. */
function addUp({ leftChild, rightChild }: Tree, leafRows: Float64Array, nodeRows: Float64Array): boolean {
  const rowsOf = (child: number): number => (child < 0 ? leafRows[~child] : nodeRows[child]);
  for (let node = 0; node < nodeRows.length; node++) {
    if (!(nodeRows[node] > 0 && rowsOf(leftChild[node]) + rowsOf(rightChild[node]) === nodeRows[node])) return false;
  }
  return true;
}

/** What a lane needs to know: -1 splits where the model cannot be explained. */
export interface ExplainShape {
  /** Most splits of one tree. */
  readonly splits: number;
  /** Most pairs of quadrature points of one tree. */
  readonly pairs: number;
}

/**
 * How the splits of one tree are explained. Arrays over all trees' splits start at `first` here, and are indexed by
 * node or, where said, by place.
 */
interface ExplainedTree {
  readonly first: number;
  readonly splitCount: number;
  /** Splits whose path has split on their feature before. */
  readonly repeatedCount: number;
  /** Different features on the longest path. */
  readonly longest: number;
  /** By run, the place after its last split. */
  readonly runEnds: readonly number[];
}

/** The splits of all trees, in plain arrays: a thousand trees have 30,000. */
class SplitPaths {
  /** Nearest split above on the same feature: 2 * node, and 1 more where the split is on its right; -1 without any. */
  readonly above: Int32Array;
  /** Shares that the path's splits on the feature let through: those above, and with this one to either side. */
  readonly aboveShare: Float64Array;
  readonly leftShare: Float64Array;
  readonly rightShare: Float64Array;
  /** Place in the order of the kernel. */
  readonly place: Int32Array;
  /** By place: the node. */
  readonly order: Int32Array;
  readonly trees: readonly ExplainedTree[];
  /** By feature: the nearest split on the path down to the node at hand, as in `above`. */
  readonly #nearest: Int32Array;
  /** Of one tree: nodes to come back to, and per run its nodes. */
  readonly #pending: Int32Array;
  readonly #members: readonly Int32Array[];

  constructor(trees: readonly Tree[], featureCount: number) {
    const total = trees.reduce((sum, { leafCount }) => sum + leafCount - 1, 0);
    const mostSplits = trees.reduce((most, { leafCount }) => Math.max(most, leafCount - 1), 0);
    this.above = new Int32Array(total);
    this.aboveShare = new Float64Array(total);
    this.leftShare = new Float64Array(total);
    this.rightShare = new Float64Array(total);
    this.place = new Int32Array(total);
    this.order = new Int32Array(total);
    this.#nearest = new Int32Array(featureCount).fill(-1);
    this.#pending = new Int32Array(mostSplits + 1);
    this.#members = Object.values(RUN).map(() => new Int32Array(mostSplits));
    let first = 0;
    this.trees = trees.map((tree) => {
      const splitCount = tree.leafCount - 1;
      const explained = { first, splitCount, ...this.#follow(tree, first), runEnds: this.#inRuns(tree, first) };
      first += splitCount;
      return explained;
    });
  }

  /** Depth first; each node is met going to its left child, to its right child, and back up. */
  #follow(
    { leafCount, splitFeature, leftChild, rightChild, leafRows, nodeRows }: Tree,
    first: number,
  ): { repeatedCount: number; longest: number } {
    if (leafCount === 1) return { repeatedCount: 0, longest: 0 };
    const { above, aboveShare, leftShare, rightShare } = this;
    const rowsOf = (child: number): number =>
      child < 0 ? (leafRows as Float64Array)[~child] : (nodeRows as Float64Array)[child];
    const nearest = this.#nearest;
    const pending = this.#pending;
    let repeatedCount = 0;
    let longest = 0;
    let features = 0;
    let depth = 0;
    pending[depth++] = 0;
    while (depth > 0) {
      const visit = pending[--depth];
      const node = Math.floor(visit / 3);
      const feature = splitFeature[node];
      const at = first + node;
      if (visit % 3 === 2) {
        if (above[at] < 0) features--;
        nearest[feature] = above[at];
        continue;
      }
      if (visit % 3 === 0) {
        const over = nearest[feature];
        above[at] = over;
        if (over < 0) features++;
        else repeatedCount++;
        aboveShare[at] = over < 0 ? 1 : ((over & 1) === 0 ? leftShare : rightShare)[first + (over >> 1)];
        leftShare[at] = (aboveShare[at] * rowsOf(leftChild[node])) / rowsOf(node);
        rightShare[at] = (aboveShare[at] * rowsOf(rightChild[node])) / rowsOf(node);
      }
      nearest[feature] = 2 * node + (visit % 3);
      pending[depth++] = visit + 1;
      const child = (visit % 3 === 0 ? leftChild : rightChild)[node];
      if (child < 0) longest = Math.max(longest, features);
      else pending[depth++] = 3 * child;
    }
    return { repeatedCount, longest };
  }

  /** Places parents before children, run by run. */
  #inRuns({ leafCount, leftChild, rightChild }: Tree, first: number): number[] {
    const members = this.#members;
    const counts = [0, 0, 0, 0];
    const join = (node: number, below: number): void => {
      if (node < 0) return;
      const isOwn = this.above[first + node] < 0;
      const isLast = leftChild[node] < 0 && rightChild[node] < 0;
      const run = isLast ? (isOwn ? RUN.lastOwn : RUN.lastRepeated) : isOwn ? below : RUN.repeated;
      members[run][counts[run]++] = node;
    };
    if (leafCount > 1) join(0, RUN.own);
    let placed = 0;
    return Object.values(RUN).map((run) => {
      // Children join the run at hand or a later one.
      for (let i = 0; i < counts[run]; i++) {
        const node = members[run][i];
        this.order[first + placed] = node;
        this.place[first + node] = placed++;
        join(leftChild[node], run);
        join(rightChild[node], run);
      }
      return placed;
    });
  }
}

/** LightGBM's `ExpectedValue`: the leaf values weighted by their share of training rows. */
function expectedValue({ leafCount, leafValue, leafRows, nodeRows }: Tree): number {
  if (leafCount === 1) return leafValue[0];
  const total = (nodeRows as Float64Array)[0];
  let sum = 0;
  for (let leaf = 0; leaf < leafCount; leaf++) sum += ((leafRows as Float64Array)[leaf] / total) * leafValue[leaf];
  return sum;
}

/** @param booster an explainable one */
export function explanationSection(
  plan: Plan,
  booster: Booster,
  columns: Columns,
  places: ViewPlaces,
): { readonly write: Write; readonly shape: ExplainShape } {
  const order = outputOrder(booster);
  const paths = new SplitPaths(
    order.map((t) => booster.trees[t]),
    booster.featureCount,
  );
  // Exact for a polynomial of degree length - 1 with length / 2 points; points come in pairs, a v128 each.
  const pairs = paths.trees.map(({ longest }) => Math.max(1, Math.ceil(Math.ceil(longest / 2) / 2)));
  const rules = new Map([...new Set(pairs)].map((count) => [count, plan.reserve(5 * 16 * count, 16)]));
  const records = plan.reserve(L.EXPLAIN_TREE_BYTES * order.length);
  const splits = paths.trees.map((tree) => plan.reserve(L.SPLIT_BYTES * tree.splitCount));
  const vectors = paths.trees.map((tree, i) => plan.reserve(3 * 16 * pairs[i] * tree.repeatedCount, 16));
  const leaves = order.map((t) => plan.reserve(8 * booster.trees[t].leafCount));
  const expected = plan.reserve(8 * booster.outputs);
  const shape = {
    splits: paths.trees.reduce((most, tree) => Math.max(most, tree.splitCount), 0),
    pairs: pairs.reduce((most, count) => Math.max(most, count), 1),
  };
  const write: Write = ({ i32, f64, i32s, f64s }) => {
    i32(L.HEADER_EXPLAIN_TREES, records);
    i32(L.HEADER_EXPECTED, expected);
    i32(L.HEADER_EXPLAIN_SPLITS, shape.splits);
    const points = new Map(
      [...rules].map(([count, at]) => {
        const { points: t, weights } = gaussLegendre(2 * count);
        const rest = t.map((x) => 1 - x);
        [rest, weights, rest, rest, t.map(() => 1)].forEach((vector, i) => f64s(at + 16 * count * i, vector));
        return [count, t];
      }),
    );
    paths.trees.forEach((tree, i) => {
      const { splitFeature, leftChild, rightChild, leafValue } = booster.trees[order[i]];
      const firstDecision = columns.decisions.first[order[i]];
      const vectorBytes = 16 * pairs[i];
      const t = points.get(pairs[i]) as Float64Array;
      const record = records + L.EXPLAIN_TREE_BYTES * i;
      const rule = rules.get(pairs[i]) as number;
      const [own, inner, lastOwn] = tree.runEnds;
      i32(record + L.EXPLAIN_TREE_SPLITS, splits[i]);
      i32s(record + L.EXPLAIN_TREE_OWN, [own, inner, lastOwn, tree.splitCount]);
      i32(record + L.EXPLAIN_TREE_PAIRS, pairs[i]);
      i32(record + L.EXPLAIN_TREE_RULE, rule);
      i32(record + L.EXPLAIN_TREE_LEAVES, leaves[i]);
      let placed = 0;
      // A leaf beside a split gets its place when its split is written, which is once.
      const workspace = (child: number): number => {
        if (child >= 0) return 2 * vectorBytes * paths.place[tree.first + child];
        f64(leaves[i] + 8 * placed, leafValue[~child]);
        return 2 * vectorBytes * (tree.splitCount + placed++);
      };
      let nextVectors = vectors[i];
      for (let place = 0; place < tree.splitCount; place++) {
        const node = paths.order[tree.first + place];
        const split = tree.first + node;
        const at = splits[i] + L.SPLIT_BYTES * place;
        const { k, view } = comparison(columns, firstDecision + node, places);
        const aboveShare = paths.aboveShare[split];
        i32(at + L.SPLIT_K, k);
        i32(at + L.SPLIT_VIEW, view);
        i32(at + L.SPLIT_FEATURE, 16 * splitFeature[node]);
        const [left, right] = [leftChild[node], rightChild[node]];
        const [leftShare, rightShare] = [paths.leftShare[split], paths.rightShare[split]];
        if (left < 0 && right < 0) {
          const [leftValue, rightValue] = [leafValue[~left], leafValue[~right]];
          f64(at + L.SPLIT_VALUES, leftValue);
          f64(at + L.SPLIT_VALUES + 8, rightValue);
          f64(at + L.SPLIT_DIFFERENCES, rightShare * (leftValue - rightValue));
          f64(at + L.SPLIT_DIFFERENCES + 8, leftShare * (rightValue - leftValue));
        } else {
          const [leftPlace, rightPlace] = [workspace(left), workspace(right)];
          i32s(at + L.SPLIT_CHILDREN, [leftPlace, rightPlace, leftPlace]);
          f64(at + L.SPLIT_OTHER_SHARES, rightShare);
          f64(at + L.SPLIT_OTHER_SHARES + 8, leftShare);
        }
        const above = paths.above[split];
        if (above < 0) {
          i32(at + L.SPLIT_ABOVE, L.FLAGS_BYTES * shape.splits);
          i32(at + L.SPLIT_VECTORS, rule + 2 * vectorBytes);
          continue;
        }
        i32(at + L.SPLIT_ABOVE, L.FLAGS_BYTES * paths.place[tree.first + (above >> 1)]);
        i32(at + L.SPLIT_ABOVE_SIDE, above & 1);
        i32(at + L.SPLIT_VECTORS, nextVectors);
        for (let point = 0; point < t.length; point++) {
          const to = nextVectors + 8 * point;
          const rest = 1 - t[point];
          const f = aboveShare * rest + t[point];
          f64(to, rest / f);
          // Where no training row got through, products below are 0 whatever the share.
          f64(to + vectorBytes, aboveShare === 0 ? 0 : 1 / aboveShare);
          f64(to + 2 * vectorBytes, 1 / (f * f));
        }
        nextVectors += 3 * vectorBytes;
      }
      i32(record + L.EXPLAIN_TREE_LEAF_COUNT, placed);
    });
    const perOutput = iterationCount(booster);
    for (let k = 0; k < booster.outputs; k++) {
      f64(
        expected + 8 * k,
        order
          .slice(k * perOutput, (k + 1) * perOutput)
          .reduce((sum, tree) => sum + expectedValue(booster.trees[tree]), 0),
      );
    }
  };
  return { write, shape };
}
