/** What a request's head says of the request as a whole: its id, its trace, whether its answer may be compressed. */
import { clientAddress } from '../access/client-address.js';
import { encoderFor } from './compression.js';
import type { CorsPolicy } from './cors.js';
import { type Exchange, type ExchangeMarks, NO_MARKS } from './exchange.js';
import type { RequestHead } from './request-head.js';

/** Longer ids are ignored, in UTF-16 code units. */
const MAX_REQUEST_ID = 256;
const PLAIN = /^[ -~]*$/;
const CONTROL = /\p{Cc}/u;
const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}(?:-|$)/;
/** Where the trace id is in it. */
const TRACE_ID = [3, 35] as const;
const NO_TRACE = '0'.repeat(32);

export interface MarkOptions {
  readonly cors: CorsPolicy;
  /** COMPRESS_RESPONSES */
  readonly compress: boolean;
  /** TRUST_PROXY */
  readonly trustedProxies: number;
}

/** Call while the handler runs. */
export function marksOf(
  exchange: Exchange,
  head: RequestHead,
  { compress, cors, trustedProxies }: MarkOptions,
): ExchangeMarks {
  const requestId = requestIdOf(head.header('x-request-id'));
  const traceId = traceIdOf(head.header('traceparent'));
  const encoder = compress ? encoderFor(head.header('accept-encoding')) : undefined;
  const headers = cors.isOff ? undefined : cors.headersFor(exchange.route, head);
  const forwarded = trustedProxies > 0 ? head.list('x-forwarded-for') : '';
  const isPlain = requestId === undefined && traceId === undefined && encoder === undefined && headers === undefined;
  if (isPlain && forwarded === '') return NO_MARKS;
  const address =
    forwarded === ''
      ? undefined
      : clientAddress({ socketAddress: exchange.remoteAddress, forwardedFor: forwarded, hops: trustedProxies });
  return { requestId, traceId, encoder, headers, address };
}

function requestIdOf(header: string): string | undefined {
  if (header === '') return undefined;
  if (header.length <= MAX_REQUEST_ID && PLAIN.test(header)) return header;
  // Headers come one character a byte; clients that send more than ASCII send UTF-8.
  const value = Buffer.from(header, 'latin1').toString();
  return value.length > MAX_REQUEST_ID || CONTROL.test(value) ? undefined : value;
}

/** The trace id of a W3C `traceparent`; undefined where it is none. */
function traceIdOf(value: string): string | undefined {
  // `test` allocates nothing, where `exec` makes an array of what it found.
  if (value === '' || !TRACEPARENT.test(value)) return undefined;
  const id = value.slice(TRACE_ID[0], TRACE_ID[1]);
  return id === NO_TRACE || value.startsWith('ff') ? undefined : id;
}
