/** What a scoring body may hold, one row or a batch: how each form of request goes from its body to the batcher. */
import { explainMalformedJson, explainMismatch } from '../../contract/mismatch.js';
import type { ScoreQuery } from '../../contract/query.js';
import { CEILING } from '../../contract/schemas.js';
import type { Validator } from '../../contract/validators.generated.js';
import type { Exchange } from '../../http/exchange.js';

export interface RequestForm {
  /**
   * Takes a request as nearly all clients send them, without a query: read and answered by the kernel.
   * @param bytes the body; gone when this returns
   * @param key X-Experiment-Key; empty without one
   * @returns false where `take` is to read it, whether it is right or wrong
   */
  takePlain(exchange: Exchange, bytes: Uint8Array, key: string): boolean;

  /** Takes any other request: admits its rows, or refuses it. */
  take(exchange: Exchange, text: string, query: ScoreQuery, key: string): void;
}

/** The parsed and validated body; undefined where it is wrong, and the request refused. */
export function parseBody<T>(exchange: Exchange, text: string, validate: Validator<T>): T | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    exchange.refuse('MALFORMED_JSON', explainMalformedJson(text, error));
    return undefined;
  }
  if (validate(body)) return body;
  exchange.refuse('INVALID_BODY', { ...explainMismatch(validate.errors, body), ...requestIdOf(body) });
  return undefined;
}

/** The request id of a body, for a refusal; empty where it has none that can be repeated. */
export function requestIdOf(body: unknown): { requestId?: string } {
  const isObject = typeof body === 'object' && body !== null && Object.hasOwn(body, 'request_id');
  const id: unknown = isObject ? Reflect.get(body, 'request_id') : undefined;
  return typeof id === 'string' && id.length <= CEILING.requestIdLength ? { requestId: id } : {};
}
