/** The streams of strategies mask32 and mask64: which columns share a stream, and the tables of reachable leaves. */
import { invariant } from '../invariant.js';
import type { Booster, Tree } from './booster.js';
import { type Column, type Columns, specialSides } from './columns.js';

/**
 * Small columns share a stream while the product of their slots is at most this: fewer streams are read, but tables are
 * larger.
 */
const MAX_COMBINED_SLOTS = 256;
/** Leaves that one word of a mask holds. */
const MASK_LEAVES = 32;

export interface Stream {
  /** Its columns. The stream's slot is the sum of each column's slot times its multiplier. */
  readonly members: readonly { readonly column: number; readonly multiplier: number }[];
  readonly slots: number;
}

/** What the tables of reachable leaves are made from. */
export interface TableSource {
  readonly booster: Booster;
  readonly columns: Columns;
  readonly streams: readonly Stream[];
  /** 32-bit words of a mask. */
  readonly words: number;
}

/** Where the tables are written. */
export interface TableTarget {
  readonly image: Uint32Array;
  /** Index in `image` at which each stream's table starts. */
  readonly starts: readonly number[];
  readonly treesPerRow: number;
  /** Position of each tree among the trees of a table row; positions without a tree get one leaf. */
  readonly place: (tree: number) => number;
}

export function planStreams(columns: readonly Column[]): Stream[] {
  const ascending = columns.map((_, i) => i).toSorted((a, b) => columns[a].slots - columns[b].slots || a - b);
  const streams: { members: { column: number; multiplier: number }[]; slots: number }[] = [];
  let current: (typeof streams)[number] | undefined;
  for (const column of ascending) {
    const slots = columns[column].slots;
    if (current === undefined || current.slots * slots > MAX_COMBINED_SLOTS) {
      current = { members: [], slots: 1 };
      streams.push(current);
    }
    current.members.push({ column, multiplier: current.slots });
    current.slots *= slots;
  }
  return streams;
}

/** The leaves of one tree that each slot of its columns leaves reachable; every tree uses the same arrays. */
class ReachableLeaves {
  readonly #columns: Columns;
  readonly #words: number;
  /** Per column that the current tree splits on, [slots][words] of 32 bits; allocated when a tree first does. */
  readonly #tables: (Uint32Array | undefined)[];
  /** Per column, the last tree that split on it. */
  readonly #splitBy: Int32Array;
  /** [nodes][words] leaves below each node. */
  readonly #under: Uint32Array;
  /** Nodes of the current tree, parents before children. */
  readonly #order: Int32Array;

  constructor(columns: Columns, words: number) {
    this.#columns = columns;
    this.#words = words;
    this.#tables = columns.columns.map(() => undefined);
    this.#splitBy = new Int32Array(columns.columns.length).fill(-1);
    this.#under = new Uint32Array(MASK_LEAVES * words * words);
    this.#order = new Int32Array(MASK_LEAVES * words);
  }

  read(tree: Tree, t: number): void {
    this.#collectUnder(tree);
    const columns = this.#columns;
    const words = this.#words;
    const first = columns.decisions.first[t];
    for (let node = 0; node < tree.leafCount - 1; node++) {
      const column = columns.decisions.column[first + node];
      const table = (this.#tables[column] ??= new Uint32Array(columns.columns[column].slots * words));
      if (this.#splitBy[column] !== t) {
        this.#splitBy[column] = t;
        table.fill(0xffffffff);
      }
      for (let word = 0; word < words; word++) {
        // A slot that goes left loses the leaves on the right.
        const left = ~this.#below(tree.rightChild[node], word);
        const right = ~this.#below(tree.leftChild[node], word);
        this.#narrow(first + node, table, word, left, right);
      }
    }
  }

  /** [slots][words] of `column`; undefined where the current tree does not split on it. */
  of(column: number, t: number): Uint32Array | undefined {
    return this.#splitBy[column] === t ? this.#tables[column] : undefined;
  }

  /** One word of the mask of the leaves below a child. */
  #below(child: number, word: number): number {
    if (child >= 0) return this.#under[child * this.#words + word];
    return ~child >> 5 === word ? 1 << (~child & 31) : 0;
  }

  /**
   * ANDs one word of every slot's mask in `table`: with `left` where the decision sends the slot left, else with
   * `right`.
   */
  #narrow(decision: number, table: Uint32Array, word: number, left: number, right: number): void {
    const words = this.#words;
    const { columns, views, decisions } = this.#columns;
    const column = columns[decisions.column[decision]];
    if (column.kind === 'categorical') {
      const members = column.members[decisions.view[decision]];
      for (let slot = 0, at = word; slot < members.length; slot++, at += words)
        table[at] &= members[slot] === 1 ? left : right;
      return;
    }
    invariant(column.kind === 'numerical', 'a wide column has no slots');
    const cut = decisions.cut[decision];
    const { zeroSlot, missingSlot, slots } = column;
    const zeroAt = zeroSlot * words + word;
    const missingAt = missingSlot * words + word;
    const zero = table[zeroAt];
    const missing = table[missingAt];
    let at = word;
    for (const stop = (cut + 1) * words; at < stop; at += words) table[at] &= left;
    for (const stop = slots * words; at < stop; at += words) table[at] &= right;
    const goesLeft = specialSides(column, views[decisions.view[decision]], cut);
    table[zeroAt] = zero & (goesLeft.zero ? left : right);
    table[missingAt] = missing & (goesLeft.missing ? left : right);
  }

  #collectUnder({ leafCount, leftChild, rightChild }: Tree): void {
    const order = this.#order;
    let count = 0;
    if (leafCount > 1) order[count++] = 0;
    for (let i = 0; i < count; i++) {
      if (leftChild[order[i]] >= 0) order[count++] = leftChild[order[i]];
      if (rightChild[order[i]] >= 0) order[count++] = rightChild[order[i]];
    }
    while (count-- > 0) {
      const node = order[count];
      for (let word = 0; word < this.#words; word++)
        this.#under[node * this.#words + word] =
          this.#below(leftChild[node], word) | this.#below(rightChild[node], word);
    }
  }
}

/** Writes every stream's table, [slots][treesPerRow][words]. */
export function writeTables(
  { booster, columns, streams, words }: TableSource,
  { image, starts, treesPerRow, place }: TableTarget,
): void {
  const row = treesPerRow * words;
  const filled = new Set(booster.trees.map((_, t) => place(t)));
  const padding = Array.from({ length: treesPerRow }, (_, at) => at).filter((at) => !filled.has(at));
  streams.forEach((stream, s) => {
    for (let slot = 0; slot < stream.slots; slot++)
      for (const at of padding) image[starts[s] + slot * row + at * words] = 1;
  });
  const reachable = new ReachableLeaves(columns, words);
  const combined = new Uint32Array(Math.max(...streams.map(({ slots }) => slots)) * words);
  booster.trees.forEach((tree, t) => {
    reachable.read(tree, t);
    streams.forEach(({ members, slots }, s) => {
      // Bits past the last leaf are never set, so that no AND can name a leaf that does not exist.
      for (let word = 0; word < words; word++) combined[word] = lowBits(tree.leafCount - 32 * word);
      let length = words;
      for (const { column } of members) {
        length = combine(combined, length, {
          masks: reachable.of(column, t),
          slots: columns.columns[column].slots,
          words,
        });
      }
      // The tree's masks are `row` words apart in the image.
      let to = starts[s] + place(t) * words;
      for (let slot = 0, from = 0; slot < slots; slot++, to += row) {
        for (let word = 0; word < words; word++, from++) image[to + word] = combined[from];
      }
    });
  });
}

/**
 * Repeats the first `length` words of a table for each slot of another column, narrowed by that slot's mask: the last
 * slot first, so that it works in place.
 * @returns the length of the table now
 */
function combine(
  table: Uint32Array,
  length: number,
  { masks, slots, words }: { readonly masks: Uint32Array | undefined; readonly slots: number; readonly words: number },
): number {
  for (let high = slots - 1; high >= 0; high--) {
    const to = high * length;
    for (let word = 0; word < words; word++) {
      const mask = masks === undefined ? 0xffffffff : masks[high * words + word];
      for (let low = word; low < length; low += words) table[to + low] = table[low] & mask;
    }
  }
  return slots * length;
}

const lowBits = (count: number): number => (count >= 32 ? 0xffffffff : count <= 0 ? 0 : 2 ** count - 1);

/** Whether every leaf of `booster` has a bit in `words` words. */
export const fitsMask = (booster: Booster, words: number): boolean =>
  booster.trees.every((tree) => tree.leafCount <= 32 * words);

/** Size of all tables together. */
export const tableBytes = (streams: readonly Stream[], treesPerRow: number, words: number): number =>
  streams.reduce((sum, stream) => sum + stream.slots, 0) * treesPerRow * words * 4;
