/** Which differences between the transports are documented: the rows of docs/concepts/transports.md. */
import { type Trait, traitsOf } from './shape.js';
import type { Verdict } from './verdict.js';

export interface Verdicts {
  readonly uws: Verdict;
  readonly node: Verdict;
}

type Outcome = (verdicts: Verdicts) => boolean;

const isAnswered = ({ by }: Verdict): boolean => by === 'answered';
const isRefusal = ({ by, what }: Verdict): boolean => by === 'closed' || by === 'parser' || /^[45]/.test(what);
const any: Outcome = () => true;
const refusedByUws: Outcome = ({ uws }) => uws.by === 'parser' || uws.by === 'closed';
const refusedByNode: Outcome = ({ node }) => node.by === 'parser' || node.by === 'closed';
const silentOnUws: Outcome = ({ uws }) => uws.by === 'silent';

/**
 * Traits that a request must have one of, and what came of it, by the first column of the tables. The first row that
 * holds is the reason, so the strictest stand first.
 */
export const ROWS: readonly (readonly [row: string, traits: readonly Trait[], outcome: Outcome])[] = [
  ['a header name with `_` or `.`', ['rare header name'], silentOnUws],
  ['more than 96 headers', ['many headers'], silentOnUws],
  ['an extension of a chunk', ['chunk extension'], ({ uws }) => !isAnswered(uws)],
  ['HTTP/1.0', ['HTTP/1.0'], refusedByUws],
  ['target in absolute form', ['absolute form'], refusedByUws],
  ['a target that begins with `*`', ['asterisk form'], refusedByUws],
  ['bytes over 127 in a target', ['target'], refusedByNode],
  ['a method that HTTP does not know', ['method'], refusedByNode],
  ['CONNECT', ['CONNECT'], ({ uws }) => !isAnswered(uws)],
  ['a head over `MAX_HEADER_BYTES`', ['large head'], refusedByNode],
  ['two values of Content-Length', ['Content-Length twice'], refusedByNode],
  ['trailers behind a chunked body', ['trailers'], refusedByUws],
  ['a chunk whose CRLF is wrong or missing', ['chunk end', 'chunk size', 'trailers'], any],
  ['a Content-Length that is no number', ['Content-Length'], refusedByNode],
  ['a header without a name', ['header name'], refusedByNode],
  ['control characters in a header', ['header value'], refusedByNode],
  ['bytes over 127 before or behind the value of a header', ['high byte around a value'], any],
  ['a tab behind the value of a framing header', ['tab behind a framing value'], refusedByNode],
  ['an empty Transfer-Encoding', ['empty Transfer-Encoding'], refusedByUws],
  ['a header twice, the first one empty', ['empty header before another'], any],
  ['a second space or an empty line in front of a target', ['request line', 'line end'], refusedByUws],
  ['pipelined requests', ['bytes behind'], any],
];

/** The row that explains why two verdicts on some bytes differ: `none` where they do not, undefined where none does. */
export function explanationOf(bytes: Buffer, verdicts: Verdicts): string | undefined {
  const { uws, node } = verdicts;
  if (!isAnswered(uws) && !isAnswered(node)) return 'none';
  if (uws.what === node.what && uws.answers === node.answers) return 'none';
  // Refused by both, in the parser's words or the application's.
  if (
    uws.what.slice(0, 3) === node.what.slice(0, 3) &&
    isRefusal(uws) &&
    isRefusal(node) &&
    uws.answers + node.answers < 2
  )
    return 'none';
  const traits = traitsOf(bytes);
  return ROWS.find(([, of, outcome]) => of.some((trait) => traits.has(trait)) && outcome(verdicts))?.[0];
}
