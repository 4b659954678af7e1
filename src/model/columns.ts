/**
 * Columns and views: how the values of a feature become small integers ("slots") on which every node of every tree
 * decides.
 *
 * A numerical column's slot is the number of its cuts below the value, where the cuts are all thresholds that any node
 * compares the feature with. LightGBM zeroes |x| <= 1e-35f before the walk; instead of the values, the cuts are moved
 * (to just below
 * -1e-35f, or to 1e-35f), which decides every value alike and costs nothing per row. Missing values get a slot of their
 * own where a node tells them from zero. A feature with more thresholds than a slot can count has several columns, each
 * for a stretch of them. A categorical column's slot is a group of categories that no node tells apart; 0 is all
 * others.
 */
import {
  type Booster,
  Missing,
  type Tree,
  ZERO_THRESHOLD,
  isCategorical,
  isDefaultLeft,
  missingType,
} from './booster.js';

/** The largest double below -1e-35f: what is not above it is below LightGBM's zero. */
const BELOW_ZERO_THRESHOLD = -1.0000000180025096e-35;

/** Most thresholds of one column: slots, and the ends that missing values are moved to, are 16-bit numbers. */
const MOST_CUTS = 0x8000;
/** Most categories and groups that a table is built for. */
const LIMITS = { categories: 1 << 22, groups: 0xffff } as const;

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
  /** The different category sets of its nodes. */
  readonly sets: readonly Uint32Array[];
  /** [sets][slots] 1 where a value of the slot is in the set. */
  readonly members: readonly Uint8Array[];
}

export type Column = NumericalColumn | CategoricalColumn;

/** A numerical column as some of its nodes see it: where missing values and zero go. */
export interface View {
  readonly column: number;
  /** 'value': compared like any other (missing values as zero). */
  readonly missing: 'left' | 'right' | 'value';
  readonly zero: 'left' | 'right' | 'value';
}

/** How nodes decide. Tree t's are numbered from first[t] on, in plain arrays: a thousand trees have 30,000. */
export interface Decisions {
  /** By tree, in training order. */
  readonly first: Int32Array;
  readonly column: Int32Array;
  /** Numerical: the view. Categorical: index in the column's `sets`; members go left. */
  readonly view: Int32Array;
  /** Numerical: slots up to it go left. */
  readonly cut: Int32Array;
}

export interface Columns {
  /** Numerical ones first. */
  readonly columns: readonly Column[];
  readonly views: readonly View[];
  readonly decisions: Decisions;
}

/** @throws RangeError where categories are too many for a table */
export function buildColumns(booster: Booster): Columns {
  const numerical = new Map<number, { cuts: Set<number>; missing: boolean; zero: boolean }>();
  const categorical = new Map<number, SetCollection>();
  for (const tree of booster.trees) {
    for (let node = 0; node < tree.leafCount - 1; node++) {
      const feature = tree.splitFeature[node];
      if (isCategorical(tree, node)) {
        let sets = categorical.get(feature);
        if (sets === undefined) categorical.set(feature, (sets = new SetCollection()));
        sets.add(categorySet(tree, node));
        continue;
      }
      let seen = numerical.get(feature);
      if (seen === undefined) numerical.set(feature, (seen = { cuts: new Set(), missing: false, zero: false }));
      seen.cuts.add(snapToZero(tree.threshold[node]));
      if (missingType(tree, node) === Missing.nan) seen.missing = true;
      if (missingType(tree, node) === Missing.zero) seen.zero = true;
    }
  }

  const columns: Column[] = [];
  const stretches = new Map<number, { first: number; ends: Float64Array }>();
  for (const [feature, { cuts, missing, zero }] of inOrder(numerical)) {
    const sorted = Float64Array.from(cuts).toSorted();
    const first = columns.length;
    const ends: number[] = [];
    for (let start = 0; start < sorted.length; start += MOST_CUTS) {
      const stretch = sorted.subarray(start, start + MOST_CUTS);
      ends.push(stretch[stretch.length - 1]);
      columns.push(numericalColumn(feature, stretch, missing, zero));
    }
    stretches.set(feature, { first, ends: Float64Array.from(ends) });
  }
  const firstCategorical = new Map<number, number>();
  for (const [feature, sets] of inOrder(categorical)) {
    firstCategorical.set(feature, columns.length);
    columns.push(categoricalColumn(feature, sets.sets));
  }

  const views: View[] = [];
  const viewIndex = new Map<number, number>();
  const total = booster.trees.reduce((sum, { leafCount }) => sum + leafCount - 1, 0);
  const decisions = {
    first: new Int32Array(booster.trees.length),
    column: new Int32Array(total),
    view: new Int32Array(total),
    cut: new Int32Array(total),
  };
  const decide = (tree: Tree, node: number, at: number): void => {
    const feature = tree.splitFeature[node];
    if (isCategorical(tree, node)) {
      decisions.column[at] = firstCategorical.get(feature) as number;
      decisions.view[at] = (categorical.get(feature) as SetCollection).indexOf(categorySet(tree, node));
      return;
    }
    const { first, ends } = stretches.get(feature) as { first: number; ends: Float64Array };
    const threshold = snapToZero(tree.threshold[node]);
    const column = first + countBelow(ends, threshold);
    const type = missingType(tree, node);
    const side = isDefaultLeft(tree, node) ? 'left' : 'right';
    const key = column * 8 + (type === Missing.none ? 0 : type * 2 + (side === 'left' ? 1 : 0));
    let view = viewIndex.get(key);
    if (view === undefined) {
      viewIndex.set(key, (view = views.length));
      views.push({
        column,
        missing: type === Missing.none ? 'value' : side,
        zero: type === Missing.zero ? side : 'value',
      });
    }
    decisions.column[at] = column;
    decisions.view[at] = view;
    decisions.cut[at] = countBelow((columns[column] as NumericalColumn).cuts, threshold);
  };
  let at = 0;
  booster.trees.forEach((tree, t) => {
    decisions.first[t] = at;
    for (let node = 0; node < tree.leafCount - 1; node++) decide(tree, node, at++);
  });
  return { columns, views, decisions };
}

const inOrder = <T>(map: ReadonlyMap<number, T>): [number, T][] => [...map].toSorted(([a], [b]) => a - b);

const snapToZero = (threshold: number): number =>
  threshold < -ZERO_THRESHOLD || threshold > ZERO_THRESHOLD
    ? threshold
    : threshold < 0
      ? BELOW_ZERO_THRESHOLD
      : ZERO_THRESHOLD;

/** Number of ascending `cuts` below `value`. */
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

/** @param zero zero gets a slot of its own */
function numericalColumn(feature: number, stretch: Float64Array, missing: boolean, zero: boolean): NumericalColumn {
  const cuts = zero
    ? Float64Array.from(new Set([...stretch, BELOW_ZERO_THRESHOLD, ZERO_THRESHOLD])).toSorted()
    : stretch;
  const zeroSlot = countBelow(cuts, 0);
  return {
    kind: 'numerical',
    feature,
    cuts,
    zeroSlot,
    missingSlot: missing ? cuts.length + 1 : zeroSlot,
    slots: cuts.length + (missing ? 2 : 1),
  };
}

/** The bits of a categorical node's set. */
export function categorySet(tree: Tree, node: number): Uint32Array {
  const set = tree.threshold[node];
  return tree.catBits.subarray(tree.catBoundaries[set], tree.catBoundaries[set + 1]);
}

/** Different category sets, found again by their bits. */
class SetCollection {
  readonly sets: Uint32Array[] = [];
  readonly #index = new Map<string, number>();

  add(set: Uint32Array): void {
    const key = set.join();
    if (this.#index.has(key)) return;
    this.#index.set(key, this.sets.length);
    this.sets.push(set);
  }

  indexOf(set: Uint32Array): number {
    return this.#index.get(set.join()) as number;
  }
}

/** Splits the categories into groups, set by set: two categories share a group where every set has both or neither. */
function categoricalColumn(feature: number, sets: readonly Uint32Array[]): CategoricalColumn {
  // At least category 0, which every value above -1 and below 1 is: the kernel looks it up even where all sets are
  // empty.
  const categories = sets.reduce((most, set) => Math.max(most, set.length * 32), 1);
  if (categories > LIMITS.categories)
    throw new RangeError(
      `feature ${feature} has categories up to ${categories}; ${LIMITS.categories} is the most that can be served`,
    );
  const groups = new Uint32Array(categories);
  let count = 1;
  for (const set of sets) {
    const split = new Map<number, number>();
    for (const category of membersOf(set)) {
      let group = split.get(groups[category]);
      if (group === undefined) split.set(groups[category], (group = count++));
      groups[category] = group;
    }
  }
  // Splitting leaves numbers unused; slots are counted afresh, 0 for the categories of no set.
  const slotOf = new Map<number, number>([[0, 0]]);
  const slots = new Uint16Array(categories);
  const anyMember = [-1];
  for (let category = 0; category < categories; category++) {
    let slot = slotOf.get(groups[category]);
    if (slot === undefined) {
      slotOf.set(groups[category], (slot = slotOf.size));
      anyMember.push(category);
    }
    slots[category] = slot;
  }
  if (slotOf.size > LIMITS.groups)
    throw new RangeError(
      `feature ${feature} has ${slotOf.size} groups of categories; ${LIMITS.groups} is the most that can be served`,
    );
  const members = sets.map((set) => Uint8Array.from(anyMember, (category) => (inSet(set, category) ? 1 : 0)));
  return { kind: 'categorical', feature, groups: slots, sets, members, slots: slotOf.size };
}

function membersOf(set: Uint32Array): number[] {
  const members: number[] = [];
  set.forEach((word, w) => {
    for (let rest = word; rest !== 0; rest &= rest - 1) members.push(32 * w + 31 - Math.clz32(rest & -rest));
  });
  return members;
}

const inSet = (set: Uint32Array, category: number): boolean =>
  category >= 0 && category >> 5 < set.length && ((set[category >> 5] >>> (category & 31)) & 1) === 1;

/** Whether zero and missing values go left at a node of `view` and `cut`. */
export function specialSides(
  { zeroSlot, missingSlot }: NumericalColumn,
  { missing, zero }: View,
  cut: number,
): { readonly zero: boolean; readonly missing: boolean } {
  const zeroLeft = zero === 'value' ? zeroSlot <= cut : zero === 'left';
  // Where they share a slot no node has missing values of its own.
  return { zero: zeroLeft, missing: missing === 'value' || missingSlot === zeroSlot ? zeroLeft : missing === 'left' };
}
