/** The streams of strategies mask32 and mask64: which columns share a stream, and the tables of reachable leaves. */
import { type Booster, Missing, type Tree, isDefaultLeft, missingType } from './booster.js';
import { type Column, type Columns, categorySet, cutIndex, groupMembers, inSet } from './columns.js';

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
 * For every column and slot, the leaves of `tree` that stay reachable: `words` 32-bit words each, [slot][words].
 * Columns that the tree does not split on are left out.
 */
function reachableLeaves(tree: Tree, { columns, columnOf }: Columns, words: number): Map<number, Uint32Array> {
  const reachable = new Map<number, Uint32Array>();
  const under = leavesUnder(tree, words);
  for (let node = 0; node < tree.leafCount - 1; node++) {
    const index = columnOf(tree, node);
    const column = columns[index];
    let table = reachable.get(index);
    if (table === undefined) {
      table = new Uint32Array(column.slots * words).fill(0xffffffff);
      reachable.set(index, table);
    }
    const left = leftSlots(tree, node, column);
    const lose = [childLeaves(under, tree.rightChild[node], words), childLeaves(under, tree.leftChild[node], words)];
    for (let slot = 0; slot < column.slots; slot++) {
      const lost = lose[left[slot] === 1 ? 0 : 1];
      for (let word = 0; word < words; word++) table[slot * words + word] &= ~lost[word];
    }
  }
  return reachable;
}

/** [slots] 1 where a value of that slot goes left. */
function leftSlots(tree: Tree, node: number, column: Column): Uint8Array {
  const left = new Uint8Array(column.slots);
  if (column.kind === 'categorical') {
    const set = categorySet(tree, node);
    groupMembers(column).forEach((category, slot) => (left[slot] = inSet(set, category) ? 1 : 0));
    return left;
  }
  const side = isDefaultLeft(tree, node) ? 1 : 0;
  left.fill(1, 0, cutIndex(column, tree.threshold[node]) + 1);
  if (column.missingSlot !== column.zeroSlot) left[column.missingSlot] = left[column.zeroSlot];
  if (missingType(tree, node) === Missing.zero) left[column.zeroSlot] = left[column.missingSlot] = side;
  if (missingType(tree, node) === Missing.nan) left[column.missingSlot] = side;
  return left;
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
      childLeaves(under, child, words).forEach((bits, word) => (under[node * words + word] |= bits));
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
  streams.forEach((stream, s) => {
    for (let slot = 0; slot < stream.slots; slot++) {
      const start = tables[s] + slot * row;
      for (let at = 0; at < row; at += words) image[start + at] = 1;
    }
  });
  booster.trees.forEach((tree, t) => {
    const reachable = reachableLeaves(tree, columns, words);
    // A tree's bits past its last leaf are never set, so that a lone leaf is bit 0 and no AND can name a leaf that is not there.
    const all = Array.from({ length: words }, (_, word) => lowBits(tree.leafCount - 32 * word));
    streams.forEach((stream, s) => {
      const parts = stream.members.map(({ column, multiplier }) => ({ table: reachable.get(column), multiplier, slots: columns.columns[column].slots }));
      for (let slot = 0; slot < stream.slots; slot++) {
        const at = tables[s] + slot * row + place(t) * words;
        for (let word = 0; word < words; word++) {
          let bits = all[word];
          for (const { table, multiplier, slots } of parts) {
            if (table !== undefined) bits &= table[(Math.floor(slot / multiplier) % slots) * words + word];
          }
          image[at + word] = bits;
        }
      }
    });
  });
}

const lowBits = (count: number): number => (count >= 32 ? 0xffffffff : count <= 0 ? 0 : 2 ** count - 1);

/** Whether every leaf of `booster` has a bit in `words` words. */
export const fitsMask = (booster: Booster, words: number): boolean => booster.trees.every((tree) => tree.leafCount <= 32 * words);

/** Bytes of all tables. */
export const tableBytes = (streams: readonly Stream[], treesPerRow: number, words: number): number =>
  streams.reduce((sum, stream) => sum + stream.slots, 0) * treesPerRow * words * 4;
