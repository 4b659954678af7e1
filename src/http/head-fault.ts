/** What is wrong with a request as its head shows: framing that two servers could read in two ways, expectations. */
import type { ProblemCode } from '../contract/problem.js';
import type { RequestHead } from './request-head.js';

/** The one expectation that is met; a client or a proxy may say it twice. */
const CONTINUE = /^100-continue(?: *, *100-continue)*$/i;

/**
 * Why a request is refused before anything else, with the end of its connection: where the next one begins is unknown.
 * A Content-Length together with a Transfer-Encoding is refused by both transports themselves.
 */
export function headFault(head: RequestHead): ProblemCode | undefined {
  if (Number.isNaN(head.contentLength)) {
    const coding = head.header('transfer-encoding');
    if (coding !== '' && head.list('transfer-encoding').trim().toLowerCase() !== 'chunked') return 'BAD_FRAMING';
  }
  const { expectation } = head;
  return expectation === '' || CONTINUE.test(head.list('expect')) ? undefined : 'EXPECTATION_FAILED';
}
