/** Section of the image: the nodes of strategy walk, and linear leaves. */
import * as L from '../../../workers/kernel/layout.js';
import type { Booster, Tree } from '../booster.js';
import type { Columns } from '../columns.js';
import type { ViewPlaces } from './columns.js';
import type { ImagePlan, WriteSection } from './image-writer.js';

/** A node holds each of these in 24 bits. */
const LIMITS = { viewBytes: 1 << 24, distance: 1 << 24 } as const;
const NODE_BYTES = 8;
const LEAF_BYTES = 16;

/** Training-order indices of the trees, output by output. */
export const outputOrder = ({ trees, outputs }: Booster): number[] =>
  Array.from({ length: outputs }, (_, output) =>
    trees.flatMap((_tree, t) => (t % outputs === output ? [t] : [])),
  ).flat();

/** The comparison of a decision, k and the byte offset of its view: a row goes left where its view < k. */
export function comparison(
  { columns, decisions }: Columns,
  decision: number,
  places: ViewPlaces,
): { readonly k: number; readonly view: number } {
  const column = decisions.column[decision];
  return columns[column].kind === 'numerical'
    ? { k: decisions.cut[decision] + 2, view: 2 * places.ofView[decisions.view[decision]] }
    : { k: 1, view: 2 * (places.firstOfColumn[column] + decisions.view[decision]) };
}

/** The root, as children are numbered: a node of the tree, or ~leaf. */
const rootOf = (tree: Tree): number => (tree.leafCount === 1 ? ~0 : 0);

/** @throws RangeError where a tree or the views are too large for the node's fields */
export function nodeSection(plan: ImagePlan, booster: Booster, columns: Columns, places: ViewPlaces): WriteSection {
  const perOutput = booster.trees.length / booster.outputs;
  const rootsPerOutput = Math.ceil(perOutput / L.WALK_BLOCK) * L.WALK_BLOCK;
  const leafTotal = booster.trees.reduce((sum, tree) => sum + tree.leafCount, 0);
  const roots = plan.reserve(4 * rootsPerOutput * booster.outputs);
  // One more leaf, of value 0, pads the roots.
  const nodes = plan.reserve((leafTotal - booster.trees.length) * NODE_BYTES + (leafTotal + 1) * LEAF_BYTES, 64);
  if (2 * places.total > LIMITS.viewBytes)
    throw new RangeError(
      `the nodes compare ${places.total} different views of a row; at most ${LIMITS.viewBytes / 2} are supported`,
    );
  const trees = outputOrder(booster);
  const linear = booster.trees.some((tree) => tree.linear !== undefined)
    ? linearSection(
        plan,
        trees.map((t) => booster.trees[t]),
        leafTotal,
      )
    : undefined;
  return (writer) => {
    const { i32, f64, view } = writer;
    i32(L.HEADER_ROOTS, roots);
    i32(L.HEADER_ROOTS_PER_OUTPUT, rootsPerOutput);
    i32(L.HEADER_NODES, nodes);
    let at = nodes + LEAF_BYTES;
    let leaf = 0;
    if (linear !== undefined) i32(nodes + 8, leafTotal);
    trees.forEach((t, place) => {
      const tree = booster.trees[t];
      i32(roots + 4 * (Math.floor(place / perOutput) * rootsPerOutput + (place % perOutput)), at - nodes);
      // Preorder with an explicit stack of pairs: a child, and the address of its parent where it is the right child,
      // else -1.
      const pending = [rootOf(tree), -1];
      while (pending.length > 0) {
        const above = pending.pop() as number;
        const child = pending.pop() as number;
        if (above >= 0) {
          const distance = (at - above) / 8;
          if (distance >= LIMITS.distance) throw new RangeError(`tree ${t} has too many nodes to be served`);
          view.setUint8(above + 5, distance & 0xff);
          view.setUint16(above + 6, distance >> 8, true);
        }
        if (child < 0) {
          if (linear === undefined) f64(at + 8, tree.leafValue[~child]);
          else i32(at + 8, leaf + ~child);
          at += LEAF_BYTES;
          continue;
        }
        const { k, view: viewBytes } = comparison(columns, columns.decisions.first[t] + child, places);
        view.setUint16(at, k, true);
        view.setUint16(at + 2, viewBytes & 0xffff, true);
        view.setUint8(at + 4, viewBytes >> 16);
        pending.push(tree.rightChild[child], at, tree.leftChild[child], -1);
        at += NODE_BYTES;
      }
      leaf += tree.leafCount;
    });
    linear?.(writer);
  };
}

/** Linear leaves. The last leaf is the one that pads the roots: constant 0, no terms. */
function linearSection(plan: ImagePlan, trees: readonly Tree[], leafTotal: number): WriteSection {
  const leaves = trees.flatMap((tree) =>
    Array.from({ length: tree.leafCount }, (_, leaf) => ({
      value: tree.leafValue[leaf],
      constant: tree.linear?.constants[leaf] ?? tree.leafValue[leaf],
      features: tree.linear?.features[leaf] ?? new Int32Array(0),
      coefficients: tree.linear?.coefficients[leaf] ?? new Float64Array(0),
    })),
  );
  const terms = leaves.reduce((sum, leaf) => sum + leaf.features.length, 0);
  const starts = plan.reserve(4 * (leafTotal + 2));
  const features = plan.reserve(4 * terms);
  const coefficients = plan.reserve(8 * terms);
  const constants = plan.reserve(8 * (leafTotal + 1));
  const values = plan.reserve(8 * (leafTotal + 1));
  return ({ i32, f64, f64s, i32s }) => {
    i32(L.HEADER_LINEAR, starts);
    i32(L.HEADER_LINEAR_FEATURES, features);
    i32(L.HEADER_LINEAR_COEFFICIENTS, coefficients);
    i32(L.HEADER_LINEAR_CONSTANTS, constants);
    i32(L.HEADER_LINEAR_VALUES, values);
    let term = 0;
    leaves.forEach((leaf, l) => {
      i32(starts + 4 * l, term);
      f64(constants + 8 * l, leaf.constant);
      f64(values + 8 * l, leaf.value);
      i32s(features + 4 * term, leaf.features);
      f64s(coefficients + 8 * term, leaf.coefficients);
      term += leaf.features.length;
    });
    i32s(starts + 4 * leafTotal, [term, term]);
  };
}
