/** What the prediction events of a request carry beyond their own row: its trace, and the id of a batch. */
import type { Exchange } from '../../http/exchange.js';

/** Members of a JSON object, each with its comma in front; empty where there are none. */
export function rowLogFields({ traceId }: Exchange): string {
  return traceId === undefined ? '' : `,"trace_id":"${traceId}"`;
}

/** The same for the rows of a batch, whose own ids are not that of its request. */
export function batchLogFields(exchange: Exchange): string {
  const { requestId } = exchange;
  const trace = rowLogFields(exchange);
  return requestId === undefined ? trace : `${trace},"batch_request_id":${JSON.stringify(requestId)}`;
}
