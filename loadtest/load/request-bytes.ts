/** A request as the bytes that the load generator sends. */
import type { CheckedRequest } from './load.js';

/**
 * Host, Content-Type and Content-Length are on every request. They are also all that wrk sends with a POST script that
 * sets Content-Type: no Accept, no User-Agent, no Connection. The request's own headers stand between them, so that a
 * server that searches for Content-Length passes them.
 */
export function requestBytes(
  { path, host }: { readonly path: string; /** For the header Host. */ readonly host: string },
  { body, headers = {} }: Pick<CheckedRequest, 'body' | 'headers'>,
): Uint8Array {
  const payload = Buffer.from(body);
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'Content-Type: application/json',
    `Content-Length: ${payload.length}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), payload]);
}
