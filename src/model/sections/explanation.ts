/** Section of the image: what TreeSHAP needs. `workers/kernel/explain.ts` explains the method. */
import * as L from '../../../workers/kernel/layout.js';
import { type Booster, type Tree, iterationCount } from '../booster.js';
import type { Columns } from '../columns.js';
import { gaussLegendre } from '../quadrature.js';
import { SplitPaths } from '../split-paths.js';
import type { ViewPlaces } from './columns.js';
import type { ImagePlan, ImageWriter, WriteSection } from './image-writer.js';
import { comparison, outputOrder } from './nodes.js';

/**
 * TreeSHAP is defined by the training rows in each node; LightGBM does not define it for linear leaves.
 * @returns why a booster has no contributions, as the end of a sentence; undefined where it has
 */
export function whyUnexplained({ trees }: Booster): string | undefined {
  for (const [t, tree] of trees.entries()) {
    if (tree.linear !== undefined) return 'they are not defined for linear trees';
    if (!tree.leafValue.every((value) => Number.isFinite(value)))
      return `tree ${t} has a leaf whose value is not a finite number`;
    if (tree.leafCount === 1) continue;
    const { leafRows, nodeRows } = tree;
    if (leafRows === undefined || nodeRows === undefined)
      return `its text has no leaf_count and internal_count of tree ${t}`;
    if (!addUp(tree, leafRows, nodeRows))
      return `in tree ${t}, leaf_count and internal_count do not add up: the text was edited`;
  }
  return undefined;
}

/** Whether every node has rows, and those of its children add up to them, as LightGBM writes them. */
function addUp({ leftChild, rightChild }: Tree, leafRows: Float64Array, nodeRows: Float64Array): boolean {
  const rowsOf = (child: number): number => (child < 0 ? leafRows[~child] : nodeRows[child]);
  for (let node = 0; node < nodeRows.length; node++) {
    if (!(nodeRows[node] > 0 && rowsOf(leftChild[node]) + rowsOf(rightChild[node]) === nodeRows[node])) return false;
  }
  return true;
}

/** What the layout of a lane depends on. */
export interface ExplainShape {
  /** The largest number of splits in one tree. */
  readonly splits: number;
  /** The largest number of pairs of quadrature points for one tree. */
  readonly pairs: number;
}

/** @param booster an explainable one */
export function explanationSection(
  plan: ImagePlan,
  booster: Booster,
  columns: Columns,
  places: ViewPlaces,
): { readonly write: WriteSection; readonly shape: ExplainShape } {
  const section = new ExplanationSection(plan, booster, columns, places);
  return { write: (writer) => section.write(writer), shape: section.shape };
}

/** The place of one tree in the section. */
interface TreeOffsets {
  readonly record: number;
  readonly splits: number;
  readonly vectors: number;
  readonly leaves: number;
  readonly rule: number;
  /** Size of a vector of one double per quadrature point. */
  readonly vectorBytes: number;
}

/** Reserves the section's bytes in its constructor, then writes them tree by tree. */
class ExplanationSection {
  readonly shape: ExplainShape;
  readonly #booster: Booster;
  readonly #columns: Columns;
  readonly #places: ViewPlaces;
  /** Training-order indices of the trees; everything below is in this order. */
  readonly #order: readonly number[];
  readonly #paths: SplitPaths;
  /** Pairs of quadrature points of each tree. */
  readonly #pairs: readonly number[];
  /** Offset of the rule of so many pairs. */
  readonly #rules: ReadonlyMap<number, number>;
  readonly #records: number;
  readonly #offsets: readonly TreeOffsets[];
  readonly #expected: number;

  constructor(plan: ImagePlan, booster: Booster, columns: Columns, places: ViewPlaces) {
    this.#booster = booster;
    this.#columns = columns;
    this.#places = places;
    this.#order = outputOrder(booster);
    const ordered = this.#order.map((t) => booster.trees[t]);
    this.#paths = new SplitPaths(ordered, booster.featureCount);
    const { trees } = this.#paths;
    // Exact for a polynomial of degree length - 1 with length / 2 points; points come in pairs, a v128 each.
    const pairs = trees.map(({ longest }) => Math.max(1, Math.ceil(Math.ceil(longest / 2) / 2)));
    const rules = new Map([...new Set(pairs)].map((count) => [count, plan.reserve(5 * 16 * count, 16)]));
    const records = plan.reserve(L.EXPLAIN_TREE_BYTES * trees.length);
    const splits = trees.map((tree) => plan.reserve(L.SPLIT_BYTES * tree.splitCount));
    const vectors = trees.map((tree, i) => plan.reserve(3 * 16 * pairs[i] * tree.repeatedCount, 16));
    const leaves = ordered.map((tree) => plan.reserve(8 * tree.leafCount));
    this.#pairs = pairs;
    this.#rules = rules;
    this.#records = records;
    this.#offsets = trees.map((_, i) => ({
      record: records + L.EXPLAIN_TREE_BYTES * i,
      splits: splits[i],
      vectors: vectors[i],
      leaves: leaves[i],
      rule: rules.get(pairs[i]) as number,
      vectorBytes: 16 * pairs[i],
    }));
    this.#expected = plan.reserve(8 * booster.outputs);
    this.shape = {
      splits: trees.reduce((max, tree) => Math.max(max, tree.splitCount), 0),
      pairs: pairs.reduce((max, count) => Math.max(max, count), 1),
    };
  }

  write(writer: ImageWriter): void {
    writer.i32(L.HEADER_EXPLAIN_TREES, this.#records);
    writer.i32(L.HEADER_EXPECTED, this.#expected);
    writer.i32(L.HEADER_EXPLAIN_SPLITS, this.shape.splits);
    const points = this.#writeRules(writer);
    for (let i = 0; i < this.#order.length; i++) this.#writeTree(writer, i, points.get(this.#pairs[i]) as Float64Array);
    this.#writeExpectedValues(writer);
  }

  /** @returns the points of the rule of so many pairs */
  #writeRules({ f64s }: ImageWriter): ReadonlyMap<number, Float64Array> {
    return new Map(
      [...this.#rules].map(([count, at]) => {
        const { points, weights } = gaussLegendre(2 * count);
        const rest = points.map((t) => 1 - t);
        [rest, weights, rest, rest, points.map(() => 1)].forEach((vector, i) => f64s(at + 16 * count * i, vector));
        return [count, points];
      }),
    );
  }

  #writeTree(writer: ImageWriter, i: number, points: Float64Array): void {
    const { i32, i32s } = writer;
    const tree = this.#paths.trees[i];
    const { record, splits, leaves, rule, vectors, vectorBytes } = this.#offsets[i];
    const [own, inner, lastOwn] = tree.runEnds;
    i32(record + L.EXPLAIN_TREE_SPLITS, splits);
    i32s(record + L.EXPLAIN_TREE_OWN, [own, inner, lastOwn, tree.splitCount]);
    i32(record + L.EXPLAIN_TREE_PAIRS, this.#pairs[i]);
    i32(record + L.EXPLAIN_TREE_RULE, rule);
    i32(record + L.EXPLAIN_TREE_LEAVES, leaves);
    let leafCount = 0;
    let nextVectors = vectors;
    for (let place = 0; place < tree.splitCount; place++) {
      leafCount += this.#writeSplit(writer, i, place, leafCount);
      if (this.#writeAbove(writer, i, place, nextVectors, points)) nextVectors += 3 * vectorBytes;
    }
    i32(record + L.EXPLAIN_TREE_LEAF_COUNT, leafCount);
  }

  /**
   * Writes the comparison and the children of a split.
   * @param leafCount number of leaves written so far that are the sibling of a split
   * @returns how many it has written: none or one
   */
  #writeSplit({ i32, i32s, f64 }: ImageWriter, i: number, place: number, leafCount: number): number {
    const t = this.#order[i];
    const { splitFeature, leftChild, rightChild, leafValue } = this.#booster.trees[t];
    const paths = this.#paths;
    const tree = paths.trees[i];
    const { splits, leaves, vectorBytes } = this.#offsets[i];
    const node = paths.order[tree.first + place];
    const at = splits + L.SPLIT_BYTES * place;
    const { k, view } = comparison(this.#columns, this.#columns.decisions.first[t] + node, this.#places);
    i32(at + L.SPLIT_K, k);
    i32(at + L.SPLIT_VIEW, view);
    i32(at + L.SPLIT_FEATURE, 16 * splitFeature[node]);
    const [left, right] = [leftChild[node], rightChild[node]];
    const leftShare = paths.leftShare[tree.first + node];
    const rightShare = paths.rightShare[tree.first + node];
    if (left < 0 && right < 0) {
      const [leftValue, rightValue] = [leafValue[~left], leafValue[~right]];
      f64(at + L.SPLIT_VALUES, leftValue);
      f64(at + L.SPLIT_VALUES + 8, rightValue);
      f64(at + L.SPLIT_DIFFERENCES, rightShare * (leftValue - rightValue));
      f64(at + L.SPLIT_DIFFERENCES + 8, leftShare * (rightValue - leftValue));
      return 0;
    }
    // The kernel's workspace has a slot for each split, then one for each leaf whose sibling is a split.
    const slotOf = (child: number): number =>
      2 * vectorBytes * (child >= 0 ? paths.place[tree.first + child] : tree.splitCount + leafCount);
    const [leftSlot, rightSlot] = [slotOf(left), slotOf(right)];
    i32s(at + L.SPLIT_CHILDREN, [leftSlot, rightSlot, leftSlot]);
    f64(at + L.SPLIT_OTHER_SHARES, rightShare);
    f64(at + L.SPLIT_OTHER_SHARES + 8, leftShare);
    if (left >= 0 && right >= 0) return 0;
    f64(leaves + 8 * leafCount, leafValue[~Math.min(left, right)]);
    return 1;
  }

  /**
   * Writes a split's relation to the nearest split above on the same feature.
   * @returns whether there is one, and so vectors were written at `vectors`
   */
  #writeAbove({ i32, f64 }: ImageWriter, i: number, place: number, vectors: number, points: Float64Array): boolean {
    const paths = this.#paths;
    const tree = paths.trees[i];
    const { splits, rule, vectorBytes } = this.#offsets[i];
    const split = tree.first + paths.order[tree.first + place];
    const at = splits + L.SPLIT_BYTES * place;
    const above = paths.above[split];
    if (above < 0) {
      i32(at + L.SPLIT_ABOVE, L.FLAGS_BYTES * this.shape.splits);
      i32(at + L.SPLIT_VECTORS, rule + 2 * vectorBytes);
      return false;
    }
    i32(at + L.SPLIT_ABOVE, L.FLAGS_BYTES * paths.place[tree.first + (above >> 1)]);
    i32(at + L.SPLIT_ABOVE_SIDE, above & 1);
    i32(at + L.SPLIT_VECTORS, vectors);
    const share = paths.aboveShare[split];
    for (let point = 0; point < points.length; point++) {
      const to = vectors + 8 * point;
      const rest = 1 - points[point];
      const f = share * rest + points[point];
      f64(to, rest / f);
      // Where no training row got through, products below are 0 whatever the share.
      f64(to + vectorBytes, share === 0 ? 0 : 1 / share);
      f64(to + 2 * vectorBytes, 1 / (f * f));
    }
    return true;
  }

  #writeExpectedValues({ f64 }: ImageWriter): void {
    const perOutput = iterationCount(this.#booster);
    for (let k = 0; k < this.#booster.outputs; k++) {
      const trees = this.#order.slice(k * perOutput, (k + 1) * perOutput);
      f64(
        this.#expected + 8 * k,
        trees.reduce((sum, t) => sum + expectedValue(this.#booster.trees[t]), 0),
      );
    }
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
