/** Section of the image: the streams and leaves of strategies mask32 and mask64. */
import * as L from '../../../workers/kernel/layout.js';
import { type Booster, iterationCount } from '../booster.js';
import type { Columns } from '../columns.js';
import { type Stream, writeTables } from '../streams.js';
import type { ImagePlan, WriteSection } from './image-writer.js';

/** Trees of one output, rounded up to whole blocks. */
export const paddedTrees = (booster: Booster): number =>
  Math.ceil(iterationCount(booster) / L.TREE_BLOCK) * L.TREE_BLOCK;

/** @param words 32-bit words of a mask */
export function streamSection(
  plan: ImagePlan,
  booster: Booster,
  columns: Columns,
  streams: readonly Stream[],
  words: number,
): WriteSection {
  const padded = paddedTrees(booster);
  const treesPerRow = padded * booster.outputs;
  const leafShift = Math.ceil(Math.log2(Math.max(1, ...booster.trees.map((tree) => tree.leafCount))));
  const bases = plan.reserve(4 * streams.length);
  const tables = streams.map((stream) => plan.reserve(stream.slots * treesPerRow * words * 4, 64));
  const leaves = plan.reserve((8 * treesPerRow) << leafShift, 64);
  // The position of tree t of the training order among the padded trees.
  const place = (t: number): number => (t % booster.outputs) * padded + Math.floor(t / booster.outputs);
  return ({ i32, i32s, f64s, bytes }) => {
    i32(L.HEADER_STREAM_COUNT, streams.length);
    i32(L.HEADER_STREAMS, bases);
    i32(L.HEADER_STREAM_TREES, padded);
    i32(L.HEADER_LEAVES, leaves);
    i32(L.HEADER_LEAF_SHIFT, leafShift);
    i32s(bases, tables);
    booster.trees.forEach((tree, t) => f64s(leaves + ((8 * place(t)) << leafShift), tree.leafValue));
    writeTables(
      { booster, columns, streams, words },
      {
        image: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2),
        starts: tables.map((table) => table >> 2),
        treesPerRow,
        place,
      },
    );
  };
}
