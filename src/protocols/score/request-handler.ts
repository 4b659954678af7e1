/** What the handlers of the two scoring routes have in common: one handles a single row, the other one a batch. */
import { readBody } from '../../contract/malformed.js';
import { explainMismatch } from '../../contract/mismatch.js';
import type { ScoreQuery } from '../../contract/query.js';
import { SCHEMA_LIMITS } from '../../contract/schemas.js';
import type { Validator } from '../../contract/validators.generated.js';
import type { Exchange } from '../../http/exchange.js';
import type { Accepted } from '../../json/reader.js';

/** What Python's json module writes for a missing value, where it can only be that. */
const MISSING_VALUES: Accepted = { constants: new Set(['NaN'] as const), within: 'features' };

export interface RequestHandler {
  /** Whether a body of so many bytes (NaN: not declared) need not be read: its rows will not fit in the queue. */
  isHopeless?(contentLength: number): boolean;

  /**
   * The fast path, for plain requests with PLAIN_QUERY, as nearly all clients send them: the kernel reads and answers.
   * @param bytes the body; valid until this returns
   * @param key X-Experiment-Key; empty without one
   * @returns false to leave the request, valid or not, to `handle`
   */
  handlePlain(exchange: Exchange, bytes: Uint8Array, key: string): boolean;

  /** The general path, for every other request: admits its rows or refuses it. */
  handle(exchange: Exchange, text: string, query: ScoreQuery, key: string): void;
}

/** Parses and validates a body; if it is invalid, refuses the request and returns undefined. */
export function parseBody<T>(exchange: Exchange, text: string, validate: Validator<T>): T | undefined {
  const read = readBody(text, MISSING_VALUES);
  if ('fault' in read) {
    exchange.refuse('MALFORMED_JSON', read.fault);
    return undefined;
  }
  const { body } = read;
  if (validate(body)) return body;
  exchange.refuse('INVALID_BODY', { ...explainMismatch(validate.errors, body), ...requestIdOf(body) });
  return undefined;
}

/** The request id of a body, for a problem's options; empty if it has no valid one. */
export function requestIdOf(body: unknown): { requestId?: string } {
  const isObject = typeof body === 'object' && body !== null && Object.hasOwn(body, 'request_id');
  const id: unknown = isObject ? Reflect.get(body, 'request_id') : undefined;
  return typeof id === 'string' && id.length <= SCHEMA_LIMITS.requestIdLength ? { requestId: id } : {};
}
