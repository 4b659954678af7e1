/** HTTP as TCP brings it: in pieces, byte by byte, chunked, too large, many requests a connection. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, inParallel, readGolden } from './support/golden.js';
import { RawConnection, postBytes } from './support/raw-connection.js';
import { type ServerProcess, startServer } from './support/server.js';

const golden = readGolden();
const body = JSON.stringify({ features: golden.rows[0], request_id: 'wïre' });
const MAX_BODY = 100_000;

let server: ServerProcess;
before(async () => {
  server = await startServer({ MAX_BODY_BYTES: String(MAX_BODY) });
});
after(() => server.stop());

function isScored(text: string | undefined): boolean {
  if (text === undefined) return false;
  const { confidence_score, request_id }: { confidence_score: number; request_id: string } = JSON.parse(text);
  return request_id === 'wïre' && close(confidence_score, golden.calibrated[0]);
}

/** `text` as a chunked body of chunks of `size` bytes. */
function chunked(text: string, size: number): Buffer {
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

const CHUNKED_HEAD =
  'POST /score HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';

/**
 * uWebSockets.js wants the request line in one piece: split within it, a request gets a 505 of uWebSockets.js's own.
 */
const REQUEST_LINE = 'POST /score HTTP/1.1\r\n'.length;

test('a request split in two at any byte behind its first line is answered', async () => {
  const request = postBytes('/score', body);
  await inParallel(request.length - REQUEST_LINE, 16, async (part) => {
    const i = REQUEST_LINE - 1 + part;
    const connection = await RawConnection.open(server.port);
    await connection.send(request.subarray(0, i + 1));
    // The first part is on its way when another connection's request has been answered.
    assert.equal((await server.request('/livez')).status, 200);
    await connection.send(request.subarray(i + 1));
    const answer = await connection.answer();
    assert.equal(answer?.status, 200, `split at ${i + 1}`);
    assert(isScored(answer?.body));
    connection.close();
  });
});

test('a request that comes byte by byte is answered', async () => {
  const connection = await RawConnection.open(server.port);
  const request = postBytes('/score', body);
  await connection.send(request.subarray(0, REQUEST_LINE));
  for (const byte of request.subarray(REQUEST_LINE)) await connection.send(Uint8Array.of(byte));
  assert(isScored((await connection.answer())?.body));
  connection.close();
});

test('a chunked body is read, whatever the size of its chunks', async () => {
  for (const size of [1, 2, 7, 50, 10_000]) {
    const connection = await RawConnection.open(server.port);
    await connection.send(CHUNKED_HEAD);
    await connection.send(chunked(body, size));
    assert(isScored((await connection.answer())?.body), `chunks of ${size}`);
    connection.close();
  }
});

test('a chunked body split in two at any byte is read', async () => {
  const bytes = chunked(body, 20);
  await inParallel(bytes.length - 1, 16, async (i) => {
    const connection = await RawConnection.open(server.port);
    await connection.send(CHUNKED_HEAD);
    await connection.send(bytes.subarray(0, i + 1));
    assert.equal((await server.request('/livez')).status, 200);
    await connection.send(bytes.subarray(i + 1));
    assert(isScored((await connection.answer())?.body), `split at ${i + 1}`);
    connection.close();
  });
});

test('one connection serves a thousand requests, good and refused', async () => {
  const connection = await RawConnection.open(server.port);
  for (let i = 0; i < 1000; i++) {
    const good = i % 3 !== 1;
    await connection.send(postBytes(i % 3 === 2 ? '/score?explain=shap' : '/score', good ? body : '{"features":[]}'));
    const answer = await connection.answer();
    assert.equal(answer?.status, good ? 200 : 400);
    if (good) assert(isScored(answer?.body));
  }
  assert(!connection.closed);
  connection.close();
});

test('a connection that is to be closed is closed behind its answer', async () => {
  const connection = await RawConnection.open(server.port);
  await connection.send(postBytes('/score', body, ['Connection: close']));
  assert(isScored((await connection.answer())?.body));
  await connection.untilClosed();
});

test('a body that declares to be too large is refused before it is sent', async () => {
  const connection = await RawConnection.open(server.port);
  await connection.send(
    `POST /score HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: ${MAX_BODY + 1}\r\n\r\n`,
  );
  const answer = await connection.answer();
  assert.equal(answer?.status, 413);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  // Sent all the same it is thrown away, and the next request is the next request.
  await connection.send(' '.repeat(MAX_BODY + 1));
  await connection.send(postBytes('/score', body));
  assert(isScored((await connection.answer())?.body));
  connection.close();
});

test('a body that declares to be enormous is refused before it is sent, and the connection closed', async () => {
  const connection = await RawConnection.open(server.port);
  await connection.send(
    'POST /score HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n',
  );
  const answer = await connection.answer();
  assert.equal(answer?.status, 413);
  assert.equal(answer.headers.get('connection'), 'close');
  await connection.untilClosed();
});

test('a chunked body that is too large is refused, and the connection stays in step', async () => {
  const connection = await RawConnection.open(server.port);
  await connection.send(CHUNKED_HEAD);
  await connection.send(chunked(' '.repeat(MAX_BODY + 1), 1000));
  assert.equal((await connection.answer())?.status, 413);
  await connection.send(postBytes('/score', body));
  assert(isScored((await connection.answer())?.body));
  connection.close();
});

test('a refusal that needs no body leaves the connection in step', async () => {
  const connection = await RawConnection.open(server.port);
  for (const [path, status] of [
    ['/nope', 404],
    ['/healthz', 405],
    ['/score?x=1', 400],
  ] as const) {
    await connection.send(postBytes(path, body));
    assert.equal((await connection.answer())?.status, status);
    await connection.send(postBytes('/score', body));
    assert(isScored((await connection.answer())?.body));
  }
  connection.close();
});

test('pipelined probes are answered in order; one sent before a score is answered ends the connection', async () => {
  const probes = await RawConnection.open(server.port);
  await probes.send(
    ['/livez', '/nope', '/readyz'].map((path) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''),
  );
  assert.deepEqual(
    [(await probes.answer())?.status, (await probes.answer())?.status, (await probes.answer())?.status],
    [200, 404, 200],
  );
  probes.close();
  const scores = await RawConnection.open(server.port);
  await scores.send(Buffer.concat([postBytes('/score', body), postBytes('/nope', body)]));
  const first = await scores.answer();
  if (first === undefined) assert(scores.closed);
  else assert(isScored(first.body));
  scores.close();
});

test('clients that leave, in mid-body or before their answer, disturb nobody', async () => {
  const request = postBytes('/score', body);
  await inParallel(300, 16, async (i) => {
    const leaver = await RawConnection.open(server.port);
    await leaver.send(i % 2 === 0 ? request : request.subarray(0, (i * 7) % request.length));
    leaver.close();
    const { status, text } = await server.score(body);
    assert.equal(status, 200);
    assert(isScored(text));
  });
  await server.queueIsEmpty();
});

const GARBAGE = [
  '\0\0\0\0\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'GET\r\n\r\n',
  'GET / HTTP/9.9\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'POST /score HTTP/1.1\r\n\r\n',
  'POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
  'POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n',
  'POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
  'POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n',
  'POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n',
  `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(20_000)}\r\n`,
  'GET / HTTP/1.1\nHost: a\n\n',
  ' / \r\n\r\n',
  'GET /score HTTP/1.1\r\nHost a\r\n\r\n',
];
test('what is not HTTP is refused or cut off, and nobody else notices', async () => {
  for (const garbage of GARBAGE) {
    const connection = await RawConnection.open(server.port);
    await connection.send(Buffer.from(garbage, 'latin1'));
    connection.socket.end();
    const answer = await connection.answer();
    assert(
      answer === undefined || (answer.status >= 400 && answer.status < 600 && answer.status !== 500),
      `${garbage.slice(0, 40)}: ${answer?.status}`,
    );
    connection.close();
    assert.equal((await server.score(body)).status, 200);
  }
});

test('a client that asks before it sends its body is served', async () => {
  const connection = await RawConnection.open(server.port);
  await connection.send(postBytes('/score', body, ['Expect: 100-continue']));
  let answer = await connection.answer();
  if (answer?.status === 100) answer = await connection.answer();
  assert(isScored(answer?.body));
  connection.close();
});
