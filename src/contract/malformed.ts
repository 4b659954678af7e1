/** Reads the text of a body as JSON, or explains in one sentence why it is none, and where. */
import { FAULTS, describePosition } from '../json/faults.js';
import { type Accepted, type JsonFault, readJson } from '../json/reader.js';
import type { ProblemOptions } from './problem.js';

const NOTHING: Accepted = { constants: new Set() };

/**
 * Reads a body. A byte order mark before it is skipped.
 * @param accepted which constants beyond JSON are null, and where
 * @returns its value, or the options of a MALFORMED_JSON problem, which never repeat the text
 */
export function readBody(
  text: string,
  accepted = NOTHING,
): { readonly body: unknown } | { readonly fault: ProblemOptions } {
  const hasMark = text.startsWith('\uFEFF');
  try {
    return { body: JSON.parse(hasMark ? text.slice(1) : text) };
  } catch {
    // trim() takes the byte order mark for white space.
    if (text.trim() === '') return { fault: { detail: 'The body is empty.' } };
    const read = readJson(text, accepted);
    if ('kind' in read) return { fault: explain(text, read) };
    // JSON.parse has refused it, so it is read only if it holds what JSON.parse does not know.
    return read.constants > 0 ? { body: read.value } : { fault: {} };
  }
}

function explain(text: string, { kind, position, pointer }: JsonFault): ProblemOptions {
  const place = describePosition(text, position);
  const what = FAULTS[kind];
  const detail =
    kind === 'truncated' ? `The body is not valid JSON: ${what}.` : `The body is not valid JSON at ${place}: ${what}.`;
  return { detail, errors: [{ pointer, detail: `${what}, at ${place}` }] };
}

/**
 * Explains why bytes are not UTF-8 text, as the detail of a MALFORMED_JSON problem.
 * @param text the bytes, decoded with replacement characters
 */
export function explainEncoding(bytes: Buffer, text: string): string {
  const magic = bytes.subarray(0, 4).toString('hex');
  if (magic.startsWith('1f8b')) return 'The body is gzip data: send Content-Encoding: gzip with it.';
  if (magic === '28b52ffd') return 'The body is Zstandard data: send it as gzip, with Content-Encoding: gzip.';
  if (magic.startsWith('78') && Number.parseInt(magic.slice(0, 4), 16) % 31 === 0)
    return 'The body is zlib data: send Content-Encoding: deflate with it.';
  if (magic.startsWith('fffe') || magic.startsWith('feff') || bytes.subarray(0, 2).includes(0))
    return 'The body is UTF-16 or UTF-32 text: send UTF-8.';
  return `The body is not UTF-8 text: it goes wrong at byte ${firstInvalid(bytes, text)}.`;
}

/** Where the first byte is that is not UTF-8: there the text, encoded again, is another. */
function firstInvalid(bytes: Buffer, text: string): number {
  const again = Buffer.from(text);
  let position = 0;
  while (bytes[position] === again[position]) position++;
  return position;
}
