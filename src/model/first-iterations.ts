/** Cuts a model text behind some of its iterations, as LightGBM's `save_model(num_iteration=...)` does. */
import { withoutTreeSizes } from '../native/tree-sizes.js';
import { TextLines } from './text-lines.js';

/**
 * @param iterations to keep; all where it is 0 or the text has no more
 * @returns the text that LightGBM's `predict(num_iteration=...)` is the whole of, or `text` itself
 */
export function firstIterations(text: Uint8Array, iterations: number): Uint8Array {
  if (iterations === 0) return text;
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  const start = bytes.indexOf(`\nTree=${iterations * outputsOf(text)}\n`);
  const end = bytes.indexOf('\nend of trees');
  if (start < 0 || end < start) return text;
  // It lists the trees that are cut off, too.
  return withoutTreeSizes(Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]));
}

function outputsOf(text: Uint8Array): number {
  const lines = new TextLines(text);
  for (; lines.line !== undefined && !lines.line.startsWith('Tree='); lines.next()) {
    const found = /^num_tree_per_iteration=(\d+)$/.exec(lines.line);
    if (found !== null) return Number(found[1]);
  }
  return 1;
}
