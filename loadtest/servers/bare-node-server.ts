/**
 * The baseline of the node transport: Node's own server alone. It reads the same body, parses it with JSON.parse and
 * answers a constant.
 *
 *     node bare-node-server.js ANSWER
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const answer = process.argv[2] ?? '{}';
const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(answer) };

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    const body: unknown = JSON.parse(bytes.toString());
    if (typeof body !== 'object') throw new TypeError('the body is not an object');
    response.writeHead(200, headers).end(answer);
  });
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stderr.write(`the bare server listens on http://localhost:${port}\n`);
});
