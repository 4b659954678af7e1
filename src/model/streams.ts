/** The streams of strategies mask32 and mask64: which columns share a stream, and the tables of reachable leaves. */
import type { Booster, Tree } from './booster.js';
import { type Column, type Columns, specialSides } from './columns.js';

/**
 * Small columns share a stream while their slots multiply to at most this: fewer streams to read against larger tables.
 */
const COMBINED_SLOTS = 256;
/** Leaves that one word of a mask holds. */
const MASK_LEAVES = 32;

export interface Stream {
  /** Its columns with the factor of each one's slot. */
  readonly members: readonly { readonly column: number; readonly multiplier: number }[];
  readonly slots: number;
}

export function planStreams(columns: readonly Column[]): Stream[] {
  const ascending = columns.map((_, i) => i).toSorted((a, b) => columns[a].slots - columns[b].slots || a - b);
  const streams: { members: { column: number; multiplier: number }[]; slots: number }[] = [];
  let current: (typeof streams)[number] | undefined;
  for (const column of ascending) {
    const slots = columns[column].slots;
    if (current === undefined || current.slots * slots > COMBINED_SLOTS) {
      current = { members: [], slots: 1 };
      streams.push(current);
    }
    current.members.push({ column, multiplier: current.slots });
    current.slots *= slots;
  }
  return streams;
}

/** What of a tree's leaves each slot of its columns leaves reachable; the arrays are used again for every tree. */
class ReachableLeaves {
  /** Per column that the tree at hand splits on, [slots][words] of 32 bits; allocated when a tree first does. */
  readonly #tables: (Uint32Array | undefined)[];
  /** Per column, the last tree that split on it. */
  readonly #splitBy: Int32Array;
  /** [nodes][words] leaves below each node. */
  readonly #under: Uint32Array;
  /** Nodes of the tree at hand, parents before children. */
  readonly #order: Int32Array;

  constructor(
    private readonly columns: Columns,
    private readonly words: number,
  ) {
    this.#tables = columns.columns.map(() => undefined);
    this.#splitBy = new Int32Array(columns.columns.length).fill(-1);
    this.#under = new Uint32Array(MASK_LEAVES * words * words);
    this.#order = new Int32Array(MASK_LEAVES * words);
  }

  read(tree: Tree, t: number): void {
    this.#collectUnder(tree);
    const { columns, words } = this;
    const first = columns.decisions.first[t];
    for (let node = 0; node < tree.leafCount - 1; node++) {
      const column = columns.decisions.column[first + node];
      const table = (this.#tables[column] ??= new Uint32Array(columns.columns[column].slots * words));
      if (this.#splitBy[column] !== t) {
        this.#splitBy[column] = t;
        table.fill(0xffffffff);
      }
      for (let word = 0; word < words; word++) {
        // What goes left loses the leaves on the right.
        narrow(
          table,
          words,
          word,
          columns,
          first + node,
          ~this.#below(tree.rightChild[node], word),
          ~this.#below(tree.leftChild[node], word),
        );
      }
    }
  }

  /** [slots][words] of `column`; undefined where the tree at hand does not split on it. */
  of(column: number, t: number): Uint32Array | undefined {
    return this.#splitBy[column] === t ? this.#tables[column] : undefined;
  }

  #below(child: number, word: number): number {
    if (child >= 0) return this.#under[child * this.words + word];
    return ~child >> 5 === word ? 1 << (~child & 31) : 0;
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
      for (let word = 0; word < this.words; word++)
        this.#under[node * this.words + word] =
          this.#below(leftChild[node], word) | this.#below(rightChild[node], word);
    }
  }
}

/** ANDs one word of every slot's mask: with `left` where the slot goes left by the decision, else with `right`. */
function narrow(
  table: Uint32Array,
  words: number,
  word: number,
  { columns, views, decisions }: Columns,
  decision: number,
  left: number,
  right: number,
): void {
  const column = columns[decisions.column[decision]];
  if (column.kind === 'categorical') {
    const members = column.members[decisions.view[decision]];
    for (let slot = 0, at = word; slot < members.length; slot++, at += words)
      table[at] &= members[slot] === 1 ? left : right;
    return;
  }
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

/**
 * Writes every stream's table, [slots][treesPerRow][words], at its place (in 32-bit words) of `image`.
 * @param place of each tree among the trees of a table row; places without a tree get one leaf
 */
export function writeTables(
  booster: Booster,
  columns: Columns,
  streams: readonly Stream[],
  words: number,
  image: Uint32Array,
  tables: readonly number[],
  treesPerRow: number,
  place: (tree: number) => number,
): void {
  const row = treesPerRow * words;
  const filled = new Set(booster.trees.map((_, t) => place(t)));
  const padding = Array.from({ length: treesPerRow }, (_, at) => at).filter((at) => !filled.has(at));
  streams.forEach((stream, s) => {
    for (let slot = 0; slot < stream.slots; slot++)
      for (const at of padding) image[tables[s] + slot * row + at * words] = 1;
  });
  const reachable = new ReachableLeaves(columns, words);
  const combined = new Uint32Array(Math.max(...streams.map(({ slots }) => slots)) * words);
  booster.trees.forEach((tree, t) => {
    reachable.read(tree, t);
    streams.forEach(({ members, slots }, s) => {
      // Bits past the last leaf are never set, so that no AND can name a leaf that is not there.
      for (let word = 0; word < words; word++) combined[word] = lowBits(tree.leafCount - 32 * word);
      let built = 1;
      for (const { column } of members) {
        const own = columns.columns[column].slots;
        combine(combined, built, reachable.of(column, t), own, words);
        built *= own;
      }
      copyStrided(combined, slots, words, image, tables[s] + place(t) * words, row);
    });
  });
}

/**
 * Repeats the table of the first `slots` slots for each slot of another column, last one first so that it can be done
 * in place.
 */
function combine(
  table: Uint32Array,
  slots: number,
  other: Uint32Array | undefined,
  otherSlots: number,
  words: number,
): void {
  const length = slots * words;
  for (let high = otherSlots - 1; high >= 0; high--) {
    const to = high * length;
    for (let word = 0; word < words; word++) {
      const mask = other === undefined ? 0xffffffff : other[high * words + word];
      for (let low = word; low < length; low += words) table[to + low] = table[low] & mask;
    }
  }
}

function copyStrided(
  table: Uint32Array,
  slots: number,
  words: number,
  image: Uint32Array,
  start: number,
  stride: number,
): void {
  for (let slot = 0, from = 0, to = start; slot < slots; slot++, to += stride) {
    for (let word = 0; word < words; word++, from++) image[to + word] = table[from];
  }
}

const lowBits = (count: number): number => (count >= 32 ? 0xffffffff : count <= 0 ? 0 : 2 ** count - 1);

/** Whether every leaf of `booster` has a bit in `words` words. */
export const fitsMask = (booster: Booster, words: number): boolean =>
  booster.trees.every((tree) => tree.leafCount <= 32 * words);

/** Bytes of all tables. */
export const tableBytes = (streams: readonly Stream[], treesPerRow: number, words: number): number =>
  streams.reduce((sum, stream) => sum + stream.slots, 0) * treesPerRow * words * 4;
