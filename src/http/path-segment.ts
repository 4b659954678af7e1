/** Reads the open segments of a path. */

/**
 * Decodes a segment once (RFC 3986, section 2.1), so that every spelling of one URL means the same. A segment with a
 * malformed escape stays as it was sent: its `%` fits no name.
 */
export function decodedSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
