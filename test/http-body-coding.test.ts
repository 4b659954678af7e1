/** Compressed bodies: of requests, inflated within the body limit; of answers, where a setting and the client ask. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { request as httpRequest } from 'node:http';
import { readGolden } from './support/golden.js';
import { RawConnection, postBytes } from './support/raw-connection.js';
import { type ServerProcess, startServer } from './support/server.js';
import { onBothTransports } from './support/transports.js';

const { rows } = readGolden();
const body = JSON.stringify({ features: rows[0], request_id: 'r1' });
const MAX_BODY = 200_000;

onBothTransports('a compressed request', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport, MAX_BODY_BYTES: String(MAX_BODY) });
  });
  after(() => server.terminate());

  const send = (coding: string, bytes: Uint8Array) => server.score(bytes, '/score', { 'Content-Encoding': coding });

  test('is inflated, and scored as it would be plain', async () => {
    const plain = (await server.score(body)).scored;
    const compressed: readonly (readonly [string, Uint8Array])[] = [
      ['gzip', gzipSync(body)],
      ['x-gzip', gzipSync(body)],
      ['GZIP', gzipSync(body)],
      ['deflate', deflateSync(body)],
      ['br', brotliCompressSync(body)],
      ['identity', Buffer.from(body)],
    ];
    for (const [coding, bytes] of compressed) {
      const answer = await send(coding, bytes);
      assert.equal(answer.status, 200, `${coding}: ${answer.text}`);
      assert.equal(answer.scored.confidence_score, plain.confidence_score);
    }
  });

  test('that inflates beyond the body limit is a 413', async () => {
    for (const [coding, compress] of [
      ['gzip', gzipSync],
      ['br', brotliCompressSync],
    ] as const) {
      const answer = await send(coding, compress(Buffer.alloc(50_000_000, ' ')));
      assert.equal(answer.status, 413, coding);
      assert.match(answer.problem.detail, new RegExp(String(MAX_BODY)));
    }
    assert.equal((await server.score(body)).status, 200);
  });

  test('that is damaged is a 400 that says so', async () => {
    for (const bytes of [gzipSync(body).subarray(0, 30), Buffer.from(body), Buffer.alloc(0)]) {
      const answer = await send('gzip', bytes);
      assert.equal(answer.status, 400);
      assert.match(answer.problem.detail, /not valid gzip|empty/);
    }
  });

  test('in a coding that is not known is a 415 that names those that are', async () => {
    for (const coding of ['zstd', 'compress', 'gzip, br', 'gzip, gzip']) {
      const answer = await send(coding, gzipSync(body));
      assert.equal(answer.status, 415, coding);
      assert.equal(answer.headers['accept-encoding'], 'gzip, deflate, br');
    }
  });

  test('in two codings, each in a header of its own, is a 415', async () => {
    const connection = await RawConnection.open(server.port);
    await connection.send(postBytes('/score', body, ['Content-Encoding: gzip', 'Content-Encoding: br']));
    assert.equal((await connection.answer())?.status, 415);
    connection.close();
  });
});

onBothTransports('a large answer', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport, COMPRESS_RESPONSES: '1' });
  });
  after(() => server.terminate());

  const batch = JSON.stringify(
    Array.from({ length: 50 }, (_, i) => ({ features: rows[i % rows.length], request_id: `r${i}` })),
  );

  function post(
    path: string,
    text: string,
    acceptEncoding: string,
  ): Promise<{ coding: string | undefined; bytes: Buffer }> {
    return new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json', 'Accept-Encoding': acceptEncoding };
      const outgoing = httpRequest(`${server.url}${path}`, { method: 'POST', headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () =>
          resolve({ coding: incoming.headers['content-encoding'], bytes: Buffer.concat(chunks) }),
        );
      });
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  }

  test('is compressed as the client prefers, and holds the same', async () => {
    const plain = JSON.parse((await post('/score_batch', batch, 'identity')).bytes.toString());
    const scores = (answers: readonly { confidence_score: number }[]) => answers.map((each) => each.confidence_score);
    for (const [accept, coding, inflate] of [
      ['gzip', 'gzip', gunzipSync],
      ['br;q=1, gzip;q=0.5', 'br', brotliDecompressSync],
      ['gzip, deflate, br', 'gzip', gunzipSync],
      ['*', 'gzip', gunzipSync],
    ] as const) {
      const answer = await post('/score_batch', batch, accept);
      assert.equal(answer.coding, coding, accept);
      assert.deepEqual(scores(JSON.parse(inflate(answer.bytes).toString())), scores(plain));
    }
  });

  test('goes as it is to a client that does not accept a known coding', async () => {
    for (const accept of ['identity', 'zstd', 'gzip;q=0', '']) {
      const answer = await post('/score_batch', batch, accept);
      assert.equal(answer.coding, undefined, accept);
      assert.equal(JSON.parse(answer.bytes.toString()).length, 50);
    }
  });

  test('that is small is not compressed', async () => {
    assert.equal((await post('/score', body, 'gzip')).coding, undefined);
  });
});
