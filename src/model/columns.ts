/**
 * Columns and views: how the values of a feature become small integers ("slots") on which every node of every tree
 * decides.
 *
 * A numerical column's slot is the number of its cuts below the value, where the cuts are all thresholds that any node
 * compares the feature with. LightGBM zeroes |x| <= 1e-35f before the walk; instead of the values, the cuts are moved
 * (just below minus 1e-35f, or to 1e-35f), which gives the same decision for every value and costs nothing per row.
 * Missing values get a slot of their own where a node treats them otherwise than zero. A feature with more thresholds
 * than a slot can count has several columns, each for a range of them. A categorical column's slot is a group of
 * categories that no node tells apart; slot 0 is all others. Where a table of its categories would be too large, the
 * column is wide: it has no slots, and each node's set is looked into.
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

/** The largest double below -1e-35f: to LightGBM, a value is negative where it is at most this. */
const BELOW_ZERO_THRESHOLD = -1.0000000180025096e-35;

/** Thresholds of one column: slots, and the ends that missing values are moved to, are 16-bit numbers. */
const MAX_CUTS = 0x8000;
/** Beyond these a categorical column is wide. `cells` is categories times sets: what it takes to find the groups. */
const TABLE_LIMITS = { categories: 1 << 22, groups: 0xffff, cells: 1 << 27 } as const;

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
  /** Slot of a missing value: the last one, or zero's where no node tells the two apart. */
  readonly missingSlot: number;
}

export interface CategoricalColumn extends ColumnOf<'categorical'> {
  /** Category -> slot; categories past its end are slot 0. */
  readonly groups: Uint16Array;
  /** The distinct category sets of its nodes. */
  readonly sets: readonly Uint32Array[];
  /** [sets][slots] 1 where the slot's categories are in the set. */
  readonly members: readonly Uint8Array[];
}

/** A categorical column without a table. Only strategy walk can run it. */
export interface WideColumn extends ColumnOf<'wide'> {
  /** The distinct category sets of its nodes. */
  readonly sets: readonly Uint32Array[];
}

export type Column = NumericalColumn | CategoricalColumn | WideColumn;

/** A numerical column as some of its nodes see it: where missing values and zero go. */
export interface View {
  readonly column: number;
  /** 'value' is compared like any other value (a missing one as zero). */
  readonly missing: 'left' | 'right' | 'value';
  readonly zero: 'left' | 'right' | 'value';
}

/** The decisions of all nodes, tree by tree, in plain arrays because a thousand trees have 30,000 nodes. */
export interface Decisions {
  /** [trees] The index of each tree's first decision, in training order. */
  readonly first: Int32Array;
  readonly column: Int32Array;
  /** For a numerical node the view; for a categorical one the index in the column's `sets`: members go left. */
  readonly view: Int32Array;
  /** For a numerical node the last slot that goes left. */
  readonly cut: Int32Array;
}

export interface Columns {
  /** Numerical ones first. */
  readonly columns: readonly Column[];
  readonly views: readonly View[];
  readonly decisions: Decisions;
}

/** What all nodes together ask of each feature. */
interface FeatureUses {
  readonly numerical: ReadonlyMap<number, NumericalUse>;
  readonly categorical: ReadonlyMap<number, SetCollection>;
}

interface NumericalUse {
  readonly cuts: Set<number>;
  /** Whether some node treats missing values, or zero, in a way of its own. */
  missing: boolean;
  zero: boolean;
}

/** The columns of all features, with what finds a node's column again. */
interface FeatureColumns {
  readonly columns: readonly Column[];
  /** Per numerical feature, its first column and the last cut of each of its columns. */
  readonly ranges: ReadonlyMap<number, { readonly first: number; readonly ends: Float64Array }>;
  /** Per categorical feature, its column. */
  readonly categorical: ReadonlyMap<number, number>;
}

export function buildColumns(booster: Booster): Columns {
  const uses = collectUses(booster);
  const features = columnsOfFeatures(uses);
  return { columns: features.columns, ...decide(booster, uses, features) };
}

function collectUses(booster: Booster): FeatureUses {
  const numerical = new Map<number, NumericalUse>();
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
  return { numerical, categorical };
}

function columnsOfFeatures(uses: FeatureUses): FeatureColumns {
  const columns: Column[] = [];
  const ranges = new Map<number, { first: number; ends: Float64Array }>();
  for (const [feature, use] of inOrder(uses.numerical)) {
    const sorted = Float64Array.from(use.cuts).toSorted();
    const first = columns.length;
    const ends: number[] = [];
    for (let start = 0; start < sorted.length; start += MAX_CUTS) {
      const range = sorted.subarray(start, start + MAX_CUTS);
      ends.push(range[range.length - 1]);
      columns.push(numericalColumn(feature, range, use));
    }
    ranges.set(feature, { first, ends: Float64Array.from(ends) });
  }
  const categorical = new Map<number, number>();
  for (const [feature, sets] of inOrder(uses.categorical)) {
    categorical.set(feature, columns.length);
    columns.push(categoricalColumn(feature, sets.sets));
  }
  return { columns, ranges, categorical };
}

/** Finds every node's column, view and cut; views are numbered as nodes first ask for them. */
function decide(
  booster: Booster,
  uses: FeatureUses,
  { columns, ranges, categorical }: FeatureColumns,
): Omit<Columns, 'columns'> {
  const views: View[] = [];
  const viewIndex = new Map<number, number>();
  const total = booster.trees.reduce((sum, { leafCount }) => sum + leafCount - 1, 0);
  const decisions = {
    first: new Int32Array(booster.trees.length),
    column: new Int32Array(total),
    view: new Int32Array(total),
    cut: new Int32Array(total),
  };
  const decideNode = (tree: Tree, node: number, at: number): void => {
    const feature = tree.splitFeature[node];
    if (isCategorical(tree, node)) {
      decisions.column[at] = categorical.get(feature) as number;
      decisions.view[at] = (uses.categorical.get(feature) as SetCollection).indexOf(categorySet(tree, node));
      return;
    }
    const { first, ends } = ranges.get(feature) as { first: number; ends: Float64Array };
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
    for (let node = 0; node < tree.leafCount - 1; node++) decideNode(tree, node, at++);
  });
  return { views, decisions };
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

/** @param range the thresholds that this column has of its feature's */
function numericalColumn(feature: number, range: Float64Array, { missing, zero }: NumericalUse): NumericalColumn {
  // Two cuts around zero give zero a slot of its own.
  const cuts = zero ? Float64Array.from(new Set([...range, BELOW_ZERO_THRESHOLD, ZERO_THRESHOLD])).toSorted() : range;
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

/** Distinct category sets, looked up by their bits. */
class SetCollection {
  readonly sets: Uint32Array[] = [];
  /** Indices of the sets with a hash. */
  readonly #index = new Map<number, number[]>();

  add(set: Uint32Array): void {
    if (this.indexOf(set) >= 0) return;
    const hash = hashOf(set);
    const same = this.#index.get(hash);
    if (same === undefined) this.#index.set(hash, [this.sets.length]);
    else same.push(this.sets.length);
    this.sets.push(set);
  }

  /** -1 where it was not added. */
  indexOf(set: Uint32Array): number {
    return (this.#index.get(hashOf(set)) ?? []).find((index) => areEqual(this.sets[index], set)) ?? -1;
  }
}

/** FNV-1a over words. */
function hashOf(set: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const word of set) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}

function areEqual(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

/** Splits the categories into groups, set by set: two categories share a group where every set has both or neither. */
function categoricalColumn(feature: number, sets: readonly Uint32Array[]): CategoricalColumn | WideColumn {
  // Category 0 (every value above -1 and below 1) always exists: the kernel looks it up even where all sets are empty.
  const categories = sets.reduce((max, set) => Math.max(max, set.length * 32), 1);
  const wide: WideColumn = { kind: 'wide', feature, sets, slots: 0 };
  if (categories > TABLE_LIMITS.categories || categories * sets.length > TABLE_LIMITS.cells) return wide;
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
  // Splitting leaves some group numbers unused, so slots are numbered anew; slot 0 is the categories in no set.
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
  if (slotOf.size > TABLE_LIMITS.groups) return wide;
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
  // Where the two share a slot, no node treats missing values in a way of its own.
  return { zero: zeroLeft, missing: missing === 'value' || missingSlot === zeroSlot ? zeroLeft : missing === 'left' };
}
