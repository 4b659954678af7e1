/** The streams of strategies mask32 and mask64: which columns share a stream, and the tables of reachable leaves. */
import type { Booster, Tree } from './booster.js';
import { type Column, type Columns, type Decision, leftSlots } from './columns.js';

/** Small columns share a stream while their slots multiply to at most this: fewer streams to read against larger tables. */
const COMBINED_SLOTS = 256;

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

/**
 * For every column that `tree` splits on and every slot, the leaves that stay reachable: [slots][words] of 32 bits. Bits past the
 * last leaf are never set, so that no AND can name a leaf that is not there.
 */
function reachableLeaves(tree: Tree, columns: Columns, decisions: readonly Decision[], words: number): Map<number, Uint32Array> {
  const reachable = new Map<number, Uint32Array>();
  const under = leavesUnder(tree, words);
  for (let node = 0; node < decisions.length; node++) {
    const { column } = decisions[node];
    const { slots } = columns.columns[column];
    let table = reachable.get(column);
    if (table === undefined) reachable.set(column, (table = new Uint32Array(slots * words).fill(0xffffffff)));
    const left = leftSlots(columns, decisions[node]);
    const lostLeft = childLeaves(under, tree.rightChild[node], words);
    const lostRight = childLeaves(under, tree.leftChild[node], words);
    for (let slot = 0, at = 0; slot < slots; slot++) {
      const lost = left[slot] === 1 ? lostLeft : lostRight;
      for (let word = 0; word < words; word++, at++) table[at] &= ~lost[word];
    }
  }
  return reachable;
}

/** [nodes][words] leaves below each node. */
function leavesUnder(tree: Tree, words: number): Uint32Array {
  const nodes = tree.leafCount - 1;
  const under = new Uint32Array(nodes * words);
  const order: number[] = nodes === 0 ? [] : [0];
  for (let i = 0; i < order.length; i++) {
    for (const child of [tree.leftChild[order[i]], tree.rightChild[order[i]]]) if (child >= 0) order.push(child);
  }
  for (const node of order.toReversed()) {
    for (const child of [tree.leftChild[node], tree.rightChild[node]]) {
      const leaves = childLeaves(under, child, words);
      for (let word = 0; word < words; word++) under[node * words + word] |= leaves[word];
    }
  }
  return under;
}

function childLeaves(under: Uint32Array, child: number, words: number): Uint32Array {
  if (child >= 0) return under.subarray(child * words, (child + 1) * words);
  const leaf = new Uint32Array(words);
  leaf[~child >> 5] = 2 ** (~child & 31);
  return leaf;
}

/**
 * Writes every stream's table, [slots][treesPerRow][words], at its place (in 32-bit words) of `image`.
 * @param place of each tree among the trees of a table row; places without a tree get one leaf
 */
export function writeTables(
  booster: Booster, columns: Columns, streams: readonly Stream[], words: number, image: Uint32Array,
  tables: readonly number[], treesPerRow: number, place: (tree: number) => number,
): void {
  const row = treesPerRow * words;
  const filled = new Set(booster.trees.map((_, t) => place(t)));
  const padding = Array.from({ length: treesPerRow }, (_, at) => at).filter((at) => !filled.has(at));
  streams.forEach((stream, s) => {
    for (let slot = 0; slot < stream.slots; slot++) for (const at of padding) image[tables[s] + slot * row + at * words] = 1;
  });
  booster.trees.forEach((tree, t) => {
    const reachable = reachableLeaves(tree, columns, columns.decisions[t], words);
    const all = Uint32Array.from({ length: words }, (_, word) => lowBits(tree.leafCount - 32 * word));
    streams.forEach(({ members, slots }, s) => {
      // The combined table, built up member by member: each one repeats what is there for every slot of its own.
      let combined: Uint32Array = all;
      let built = 1;
      for (const { column } of members) {
        const own = columns.columns[column].slots;
        combined = combine(combined, built, reachable.get(column), own, words);
        built *= own;
      }
      for (let slot = 0, from = 0, to = tables[s] + place(t) * words; slot < slots; slot++, to += row) {
        for (let word = 0; word < words; word++, from++) image[to + word] = combined[from];
      }
    });
  });
}

function combine(table: Uint32Array, slots: number, other: Uint32Array | undefined, otherSlots: number, words: number): Uint32Array {
  const combined = new Uint32Array(slots * otherSlots * words);
  for (let high = 0, at = 0; high < otherSlots; high++) {
    for (let low = 0; low < slots * words; low++, at++) {
      combined[at] = other === undefined ? table[low] : table[low] & other[high * words + (words === 1 ? 0 : low % words)];
    }
  }
  return combined;
}

const lowBits = (count: number): number => (count >= 32 ? 0xffffffff : count <= 0 ? 0 : 2 ** count - 1);

/** Whether every leaf of `booster` has a bit in `words` words. */
export const fitsMask = (booster: Booster, words: number): boolean => booster.trees.every((tree) => tree.leafCount <= 32 * words);

/** Bytes of all tables. */
export const tableBytes = (streams: readonly Stream[], treesPerRow: number, words: number): number =>
  streams.reduce((sum, stream) => sum + stream.slots, 0) * treesPerRow * words * 4;
