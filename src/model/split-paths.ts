/** The path to each split of a booster's trees, as TreeSHAP needs it, and the kernel's order of the splits. */
import type { Tree } from './booster.js';

/** The runs into which the kernel orders the splits of a tree, in this order (layout.ts). */
const RUN = { own: 0, repeated: 1, lastOwn: 2, lastRepeated: 3 } as const;

/**
 * How the splits of one tree are explained. The tree's part of an array over all trees' splits starts at `first`; it is
 * indexed by node unless the array's comment says by place.
 */
export interface ExplainedTree {
  readonly first: number;
  readonly splitCount: number;
  /** Number of splits whose path has split on the same feature before. */
  readonly repeatedCount: number;
  /** The largest number of distinct features on a path. */
  readonly longest: number;
  /** By run, the place after its last split. */
  readonly runEnds: readonly number[];
}

/** The splits of all trees with their paths, in plain arrays because a thousand trees have 30,000 splits. */
export class SplitPaths {
  /** Nearest split above on the same feature: 2 * node, plus 1 where the split is to its right; -1 where none is. */
  readonly above: Int32Array;
  /** Share of rows that the path's splits on the feature let through: those above, and with this one to either side. */
  readonly aboveShare: Float64Array;
  readonly leftShare: Float64Array;
  readonly rightShare: Float64Array;
  /** Position in the order of the kernel. */
  readonly place: Int32Array;
  /** The node, by place. */
  readonly order: Int32Array;
  readonly trees: readonly ExplainedTree[];
  /** By feature, the nearest split on the path down to the current node, as in `above`. */
  readonly #nearest: Int32Array;
  /** Scratch memory for one tree: the nodes still to visit, and the nodes of each run. */
  readonly #pending: Int32Array;
  readonly #members: readonly Int32Array[];

  constructor(trees: readonly Tree[], featureCount: number) {
    const total = trees.reduce((sum, { leafCount }) => sum + leafCount - 1, 0);
    const maxSplits = trees.reduce((max, { leafCount }) => Math.max(max, leafCount - 1), 0);
    this.above = new Int32Array(total);
    this.aboveShare = new Float64Array(total);
    this.leftShare = new Float64Array(total);
    this.rightShare = new Float64Array(total);
    this.place = new Int32Array(total);
    this.order = new Int32Array(total);
    this.#nearest = new Int32Array(featureCount).fill(-1);
    this.#pending = new Int32Array(maxSplits + 1);
    this.#members = Object.values(RUN).map(() => new Int32Array(maxSplits));
    let first = 0;
    this.trees = trees.map((tree) => {
      const splitCount = tree.leafCount - 1;
      const explained = { first, splitCount, ...this.#follow(tree, first), runEnds: this.#inRuns(tree, first) };
      first += splitCount;
      return explained;
    });
  }

  /** Walks the tree depth first; visits each node three times: before its left child, before its right, after both. */
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

  /** Orders the splits run by run, parents before children. */
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
      // Children join the current run or a later one.
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
