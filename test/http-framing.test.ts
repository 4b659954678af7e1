/** Requests whose framing could be read in two ways are refused, and nothing that follows them is answered. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readGolden } from './support/golden.js';
import { RawConnection, postBytes } from './support/raw-connection.js';
import { type ServerProcess, startServer } from './support/server.js';
import { onBothTransports } from './support/transports.js';

const golden = readGolden();
const SMUGGLED = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';

/** Paths that are handled in different ways: a route with a body, one without, none at all, another method. */
const TARGETS = ['POST /score', 'POST /livez', 'POST /nowhere', 'GET /healthz', 'PUT /score_batch'];
const CODINGS = [
  'cow',
  'xchunked',
  'gzip, chunked',
  'chunked, identity',
  'identity',
  'chunked\r\nTransfer-Encoding: identity',
];

onBothTransports('framing', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport });
  });
  after(() => server.terminate());

  /** Everything that comes back until the connection is closed. */
  async function exchange(...parts: readonly string[]): Promise<string> {
    const connection = await RawConnection.open(server.port);
    for (const part of parts) {
      if (connection.closed) break;
      await connection.send(part);
    }
    await connection.untilClosed();
    return connection.unread;
  }

  test('a transfer coding other than chunked alone is a 400, and ends the connection', async () => {
    for (const target of TARGETS) {
      for (const coding of CODINGS) {
        const answer = await exchange(`${target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ${coding}\r\n\r\n`);
        assert.match(answer, /^HTTP\/1\.1 400 /, `${target}, ${coding}`);
        assert.match(answer, /connection: close/i, `${target}, ${coding}`);
      }
    }
  });

  test('what is smuggled behind an unknown transfer coding is never answered', async () => {
    for (const target of TARGETS) {
      for (const coding of CODINGS) {
        const head = `${target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
        for (const parts of [[`${head}0\r\n\r\n${SMUGGLED}`], [head, '0\r\n\r\n', SMUGGLED]]) {
          const answers = await exchange(...parts);
          assert.doesNotMatch(answers, /"alive"|HTTP\/1\.1 200/, `${target}, ${coding}`);
        }
      }
    }
  });

  test('Content-Length together with Transfer-Encoding is a 400', async () => {
    const both = 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n';
    assert.match(
      await exchange(`POST /score HTTP/1.1\r\nHost: x\r\n${both}\r\n0\r\n\r\n${SMUGGLED}`),
      /^HTTP\/1\.1 400 /,
    );
  });

  test('a Content-Length that is no number is a 400', async () => {
    for (const length of ['-1', '+5', '0x10', '5, 5', '99999999999999999999999', 'five']) {
      const answer = await exchange(`POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n{}`);
      assert.match(answer, /^HTTP\/1\.1 400 /, length);
    }
  });

  test('a refused request is counted and logged with its reason and address', async () => {
    const counted = () => server.metric('lightscore_rejects_total', '{reason="bad_framing"}');
    const earlier = await counted();
    await exchange('POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: cow\r\n\r\n');
    assert.equal(await counted(), earlier + 1);
    const line = await server.log(({ event, reason }) => event === 'request_refused' && reason === 'bad_framing');
    assert.equal(line['address'], '127.0.0.1');
    assert.equal(line['route'], '/score');
    assert.match(String(line['request_id']), /^[\da-f-]{36}$/);
  });

  test('CONNECT is a 405, and ends the connection where what follows would not be HTTP', async () => {
    const answer = await exchange('CONNECT /score HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 405 [^]*method-not-allowed/);
  });

  if (transport === 'node') {
    test('what is no HTTP behind requests is a 400 behind their answers', async () => {
      const request = postBytes('/score', JSON.stringify({ features: golden.rows[0] }));
      const answers = await exchange(`${request.toString()}${SMUGGLED}no request\r\n\r\n`);
      assert.match(answers, /^HTTP\/1\.1 200 [^]*confidence_score[^]*"alive"[^]*HTTP\/1\.1 400 Bad Request/);
      assert.equal(answers.match(/HTTP\/1\.1 \d/g)?.length, 3);
    });

    test('versions of HTTP but 1.0 and 1.1 are a 505, counted', async () => {
      for (const version of ['0.9', '2.0']) {
        const answer = await exchange(`GET /livez HTTP/${version}\r\nHost: x\r\n\r\n`);
        assert.match(answer, /^HTTP\/1\.1 505 /, version);
      }
      const labels = '{reason="HPE_INVALID_VERSION"}';
      assert.equal(await server.metric('lightscore_malformed_requests_total', labels), 2);
    });

    test('two values of Content-Length are a 400, counted and logged', async () => {
      for (const lengths of [
        [0, SMUGGLED.length],
        [SMUGGLED.length, 0],
        [5, 5],
      ]) {
        const headers = lengths.map((length) => `Content-Length: ${length}\r\n`).join('');
        const answers = await exchange(`POST /nowhere HTTP/1.1\r\nHost: x\r\n${headers}\r\n${SMUGGLED}`);
        assert.match(answers, /^HTTP\/1\.1 400 /);
        assert.doesNotMatch(answers, /"alive"/);
      }
      const labels = '{reason="HPE_UNEXPECTED_CONTENT_LENGTH"}';
      assert((await server.metric('lightscore_malformed_requests_total', labels)) >= 3);
      await server.event('request_malformed');
    });

    test('HTTP/1.0, a target in absolute form and trailers are answered', async () => {
      assert.match(await exchange('GET /livez HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 [^]*"alive"/);
      const absolute = 'GET http://example.com/livez? HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n';
      assert.match(await exchange(absolute), /^HTTP\/1\.1 200 [^]*"alive"/);
      const trailers =
        'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n';
      assert.match(
        await exchange(`POST /score HTTP/1.1\r\nHost: x\r\n${trailers}`),
        /^HTTP\/1\.1 400 [^]*features is missing/,
      );
    });

    test('pipelined requests are answered in order', async () => {
      const answers = await exchange(`${SMUGGLED}GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.equal(answers.match(/"alive"/g)?.length, 2);
    });
  }
});
