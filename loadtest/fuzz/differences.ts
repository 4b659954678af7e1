/** Which differences between the transports are documented: the rows of docs/concepts/transports.md. */
import type { Verdict } from './verdict.js';

interface Verdicts {
  readonly uws: Verdict;
  readonly node: Verdict;
}

const isAnswered = ({ by }: Verdict): boolean => by === 'answered';

/** Why two verdicts on some bytes may differ; `none` where they do not; undefined where nothing explains it. */
export function explanationOf(bytes: Buffer, { uws, node }: Verdicts): string | undefined {
  if (!isAnswered(uws) && !isAnswered(node)) return 'none';
  if (uws.by === node.by && uws.what === node.what && uws.answers === node.answers) return 'none';
  void bytes;
  return undefined;
}
