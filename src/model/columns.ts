/**
 * Columns and views: how the values of a feature become small integers ("slots") on which every node of every tree decides.
 *
 * A numerical column's slot is the number of its cuts below the value, where the cuts are all thresholds that any node compares
 * the feature with. LightGBM zeroes |x| <= 1e-35f before the walk; instead of the values, the cuts are moved (to just below
 * -1e-35f, or to 1e-35f), which decides every value alike and costs nothing per row. Missing values get a slot of their own where
 * a node tells them from zero. A categorical column's slot is a group of categories that no node tells apart; 0 is all others.
 */
import { type Booster, Missing, type Tree, ZERO_THRESHOLD, isCategorical, isDefaultLeft, missingType } from './booster.js';

/** The largest double below -1e-35f: what is not above it is below LightGBM's zero. */
export const BELOW_ZERO_THRESHOLD = -1.0000000180025096e-35;

interface ColumnOf<Kind> {
  readonly kind: Kind;
  readonly feature: number;
  /** Number of slots. */
  readonly slots: number;
}

export interface NumericalColumn extends ColumnOf<'numerical'> {
  /** Ascending, distinct. */
  readonly cuts: Float64Array;
  readonly zeroSlot: number;
  /** Slot of a missing value: the last one, or zero's where no node tells them apart. */
  readonly missingSlot: number;
}

export interface CategoricalColumn extends ColumnOf<'categorical'> {
  /** Category -> slot; categories past its end are slot 0. */
  readonly groups: Uint16Array;
}

export type Column = NumericalColumn | CategoricalColumn;

/** A numerical column as some nodes see it: missing (and zero) moved to the end of the slots that they default to. */
export interface View {
  readonly column: number;
  readonly missing: number;
  /** Value that replaces the zero slot, or undefined where zero is compared like any other value. */
  readonly zero: number | undefined;
}

/** Goes left of, or right of, every threshold. */
export const ALWAYS_LEFT = -1;
export const ALWAYS_RIGHT = 0x7fffffff;

export interface Columns {
  /** Numerical ones first. */
  readonly columns: readonly Column[];
  readonly views: readonly View[];
  /** Column of a node's feature, by its kind. */
  columnOf(tree: Tree, node: number): number;
  /** Index in `views` for a numerical node. */
  viewOf(tree: Tree, node: number): number;
}

/** Most categories and groups that a 16-bit group table is built for. */
const LIMITS = { categories: 1 << 22, groups: 0xffff } as const;

const snapToZero = (threshold: number): number =>
  threshold < -ZERO_THRESHOLD || threshold > ZERO_THRESHOLD ? threshold : threshold < 0 ? BELOW_ZERO_THRESHOLD : ZERO_THRESHOLD;

/** Index of a numerical node's threshold among its column's cuts: slots up to it go left. */
export function cutIndex(column: NumericalColumn, threshold: number): number {
  return countBelow(column.cuts, snapToZero(threshold));
}

function countBelow(cuts: Float64Array, value: number): number {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cuts[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @throws RangeError where categories are too many for a table */
export function buildColumns(booster: Booster): Columns {
  const numerical = new Map<number, { cuts: Set<number>; missing: boolean }>();
  const categorical = new Map<number, Uint32Array[]>();
  for (const tree of booster.trees) {
    for (let node = 0; node < tree.leafCount - 1; node++) {
      const feature = tree.splitFeature[node];
      if (isCategorical(tree, node)) {
        const sets = categorical.get(feature) ?? [];
        sets.push(categorySet(tree, node));
        categorical.set(feature, sets);
        continue;
      }
      const seen = numerical.get(feature) ?? { cuts: new Set<number>(), missing: false };
      seen.cuts.add(snapToZero(tree.threshold[node]));
      if (missingType(tree, node) === Missing.nan) seen.missing = true;
      if (missingType(tree, node) === Missing.zero) seen.cuts.add(BELOW_ZERO_THRESHOLD).add(ZERO_THRESHOLD);
      numerical.set(feature, seen);
    }
  }

  const byFeature = <T>(map: Map<number, T>): [number, T][] => [...map].toSorted(([a], [b]) => a - b);
  const columns: Column[] = [
    ...byFeature(numerical).map(([feature, { cuts, missing }]) => numericalColumn(feature, cuts, missing)),
    ...byFeature(categorical).map(([feature, sets]) => categoricalColumn(feature, sets)),
  ];
  const index = new Map(columns.map((column, i) => [`${column.kind} ${column.feature}`, i]));
  const views: View[] = [];
  const viewIndex = new Map<string, number>();
  const columnOf = (tree: Tree, node: number): number =>
    index.get(`${isCategorical(tree, node) ? 'categorical' : 'numerical'} ${tree.splitFeature[node]}`) as number;
  const viewOf = (tree: Tree, node: number): number => {
    const column = columnOf(tree, node);
    const missing = missingType(tree, node);
    const key = `${column} ${missing} ${missing !== Missing.none && isDefaultLeft(tree, node)}`;
    let view = viewIndex.get(key);
    if (view === undefined) {
      view = views.length;
      viewIndex.set(key, view);
      const side = isDefaultLeft(tree, node) ? ALWAYS_LEFT : ALWAYS_RIGHT;
      views.push({
        column,
        missing: missing === Missing.none ? (columns[column] as NumericalColumn).zeroSlot : side,
        zero: missing === Missing.zero ? side : undefined,
      });
    }
    return view;
  };
  for (const tree of booster.trees) {
    for (let node = 0; node < tree.leafCount - 1; node++) if (!isCategorical(tree, node)) viewOf(tree, node);
  }
  return { columns, views, columnOf, viewOf };
}

function numericalColumn(feature: number, cutSet: Set<number>, missing: boolean): NumericalColumn {
  const cuts = Float64Array.from(cutSet).sort();
  const zeroSlot = countBelow(cuts, 0);
  return { kind: 'numerical', feature, cuts, zeroSlot, missingSlot: missing ? cuts.length + 1 : zeroSlot, slots: cuts.length + (missing ? 2 : 1) };
}

/** The bits of a categorical node's set. */
export function categorySet(tree: Tree, node: number): Uint32Array {
  const set = tree.threshold[node];
  return tree.catBits.subarray(tree.catBoundaries[set], tree.catBoundaries[set + 1]);
}

/** Splits the categories into groups, set by set: two categories share a group where every set has both or neither. */
function categoricalColumn(feature: number, sets: readonly Uint32Array[]): CategoricalColumn {
  const categories = Math.max(...sets.map((set) => set.length * 32));
  if (categories > LIMITS.categories) throw new RangeError(`feature ${feature} has categories up to ${categories}`);
  let groups = new Uint32Array(categories);
  let count = 1;
  for (const set of sets) {
    const split = new Map<number, number>();
    const next = groups.slice();
    for (let category = 0; category < set.length * 32; category++) {
      if (((set[category >> 5] >>> (category & 31)) & 1) === 0) continue;
      let group = split.get(groups[category]);
      if (group === undefined) {
        group = count++;
        split.set(groups[category], group);
      }
      next[category] = group;
    }
    groups = next;
  }
  // Splitting leaves numbers unused; slots are counted afresh, 0 for the categories of no set.
  const slot = new Map<number, number>([[0, 0]]);
  const slots = groups.map((group) => {
    if (!slot.has(group)) slot.set(group, slot.size);
    return slot.get(group) as number;
  });
  if (slot.size > LIMITS.groups) throw new RangeError(`feature ${feature} has ${slot.size} groups of categories`);
  return { kind: 'categorical', feature, groups: Uint16Array.from(slots), slots: slot.size };
}

/** Whether a category of `slot` goes left at a categorical node: any category of the group answers for all. */
export function groupMembers(column: CategoricalColumn): Int32Array {
  const member = new Int32Array(column.slots).fill(-1);
  for (let category = column.groups.length - 1; category >= 0; category--) member[column.groups[category]] = category;
  // Slot 0 is whatever no set holds, even where the table names such a category.
  member[0] = -1;
  return member;
}

export const inSet = (set: Uint32Array, category: number): boolean =>
  category >= 0 && category >> 5 < set.length && ((set[category >> 5] >>> (category & 31)) & 1) === 1;
