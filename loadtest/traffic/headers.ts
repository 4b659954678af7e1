/** The two sets of headers that the guard measures `/score` with. */
import { Random } from '../../src/train/random.js';
import type { CheckedRequest } from '../load/load.js';

/**
 * What a request carries behind a proxy and in a traced system, besides those three: identifiers are its own, addresses
 * and names are from the ranges that are kept for examples.
 */
function proxiedHeaders(random: Random): Record<string, string> {
  const hex = (bytes: number): string =>
    Array.from({ length: bytes }, () => random.below(256).toString(16).padStart(2, '0')).join('');
  const client = `203.0.113.${random.below(256)}`;
  return {
    'X-Request-ID': `${hex(4)}-${hex(2)}-${hex(2)}-${hex(2)}-${hex(6)}`,
    traceparent: `00-${hex(16)}-${hex(8)}-01`,
    'Accept-Encoding': 'gzip, deflate, br',
    'X-Forwarded-For': `${client}, 198.51.100.7`,
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'scores.example.com',
    Forwarded: `for=${client};host=scores.example.com;proto=https`,
    'User-Agent': 'python-requests/2.32.5',
  };
}

/** The same requests with eight headers more each: always the same ones. */
export function withProxiedHeaders(requests: readonly CheckedRequest[]): CheckedRequest[] {
  const random = new Random(1);
  return requests.map((request) => ({ ...request, headers: proxiedHeaders(random) }));
}

/** Host, Content-Type and Content-Length are on every request. */
const ALWAYS = 3;
export const HEADER_COUNTS = { plain: ALWAYS, proxied: ALWAYS + Object.keys(proxiedHeaders(new Random(0))).length };
