/** The line of a model text that holds the lengths of its trees. */

/**
 * LightGBM uses tree_sizes as offsets without checking them, and crashes if an edit or other line endings made them
 * wrong. Without the line it reads one tree after the other.
 * @returns the text without that line, or `text` itself where it has none
 */
export function withoutTreeSizes(text: Buffer): Buffer {
  const trees = text.indexOf('\nTree=');
  const start = text.subarray(0, trees < 0 ? text.length : trees).indexOf('\ntree_sizes=');
  if (start < 0) return text;
  const end = text.indexOf('\n', start + 1);
  return Buffer.concat([text.subarray(0, start), text.subarray(end < 0 ? text.length : end)]);
}
