/** `Expect`: a client that waits for a 100 before its body gets one at once, however it spells what it expects. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readGolden } from './support/golden.js';
import { RawConnection } from './support/raw-connection.js';
import { type ServerProcess, startServer } from './support/server.js';
import { onBothTransports } from './support/transports.js';

const body = JSON.stringify({ features: readGolden().rows[0], request_id: 'r1' });
/** As a client and a proxy send it that both ask. */
const TWICE = '100-Continue\r\nExpect: 100-continue';

function headOf(expect: string, path = '/score', type = 'application/json'): string {
  const fields = `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\nExpect: ${expect}\r\n`;
  return `POST ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
}

onBothTransports('Expect', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport });
  });
  after(() => server.terminate());

  test('gets its 100 before the body is sent, in any spelling', async () => {
    for (const expect of ['100-continue', '100-Continue', '100-CONTINUE', ' 100-Continue ', TWICE]) {
      const connection = await RawConnection.open(server.port);
      await connection.send(headOf(expect));
      assert.equal((await connection.answer())?.status, 100, expect);
      await connection.send(body);
      const answer = await connection.answer();
      assert.equal(answer?.status, 200, expect);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(JSON.parse(answer.body).request_id, 'r1');
      // The connection is in step: the next request on it is answered.
      await connection.send('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.equal((await connection.answer())?.status, 200);
      connection.close();
    }
  });

  test('a refusal after a 100 has its own status line and headers', async () => {
    const connection = await RawConnection.open(server.port);
    await connection.send(headOf('100-Continue'));
    assert.equal((await connection.answer())?.status, 100);
    await connection.send('x'.repeat(body.length));
    const answer = await connection.answer();
    assert.equal(answer?.status, 400);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    connection.close();
  });

  test('a request that is refused for its head gets no 100 before', async () => {
    for (const expect of ['100-continue', '100-Continue']) {
      const tooLarge = headOf(expect).replace(/Content-Length: \d+/, 'Content-Length: 5000000');
      for (const [head, status] of [
        [headOf(expect, '/score', 'text/plain'), 415],
        [headOf(expect, '/nowhere'), 404],
        [tooLarge, 413],
      ] as const) {
        const connection = await RawConnection.open(server.port);
        await connection.send(head);
        let answer = await connection.answer();
        // uWebSockets.js knows this spelling itself, and invites the body before any handler runs.
        if (transport === 'uws' && expect === '100-continue') {
          assert.equal(answer?.status, 100);
          answer = await connection.answer();
        }
        assert.equal(answer?.status, status, expect);
        connection.close();
      }
    }
  });

  test('another expectation is a 417, and ends the connection', async () => {
    for (const expect of ['100-continues', 'something', '200-ok']) {
      const connection = await RawConnection.open(server.port);
      await connection.send(headOf(expect));
      const answer = await connection.answer();
      assert.equal(answer?.status, 417, expect);
      await connection.untilClosed();
    }
  });
});
