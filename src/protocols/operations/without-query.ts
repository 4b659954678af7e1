/** Routes that take no query parameters. */
import { readQuery } from '../../contract/query.js';
import type { Handler } from '../../http/route.js';

/** Handles requests without query parameters, and refuses those that have any. */
export function withoutQuery(handle: Handler): Handler {
  return (exchange, head) => {
    const { query } = head;
    const read = query === '' ? undefined : readQuery(query, []);
    if (read !== undefined && 'fault' in read) exchange.refuse('INVALID_QUERY', read.fault);
    else handle(exchange, head);
  };
}
