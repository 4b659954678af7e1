/** Limits of a connection and of what comes on it: header size, time for a body, number of connections. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readGolden } from './support/golden.js';
import { RawConnection, postBytes } from './support/raw-connection.js';
import { type ServerProcess, startServer } from './support/server.js';
import { onBothTransports } from './support/transports.js';

const body = JSON.stringify({ features: readGolden().rows[0] });

onBothTransports('the head of a request', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport });
  });
  after(() => server.terminate());

  test('may have 12 KiB, however TCP cuts it', async () => {
    const request = postBytes('/score', body, [`Cookie: ${'c'.repeat(12_000)}`]);
    for (const size of [request.length, 9_000, 4_096, 1_460]) {
      const connection = await RawConnection.open(server.port);
      for (let at = 0; at < request.length; at += size) {
        await connection.send(request.subarray(at, at + size));
        // Another connection's answer shows that this part has been read.
        await server.request('/livez');
      }
      assert.equal((await connection.answer())?.status, 200, `parts of ${size}`);
      connection.close();
    }
  });

  test('is refused with 431 past MAX_HEADER_BYTES, and others are served', async () => {
    const connection = await RawConnection.open(server.port);
    const head = `GET /livez HTTP/1.1\r\nHost: x\r\nCookie: ${'c'.repeat(70_000)}`;
    for (let at = 0; at < head.length && !connection.closed; at += 8_000) {
      await connection.send(head.slice(at, at + 8_000));
      await server.request('/livez');
    }
    await connection.untilClosed();
    assert.match(connection.unread, /^HTTP\/1\.1 431 /);
    assert.equal((await server.request('/livez')).status, 200);
  });
});

onBothTransports('a body on its way', (transport) => {
  const TIMEOUT_MS = 800;
  let server: ServerProcess;
  before(async () => {
    const limits = { BODY_TIMEOUT_MS: String(TIMEOUT_MS), BODY_MIN_BYTES_PER_SECOND: '200' };
    server = await startServer({ TRANSPORT: transport, ...limits });
  });
  after(() => server.terminate());

  /** Sends a padded body in parts, one each `intervalMs`. @returns what came back, and after how many milliseconds */
  async function drip(bytes: number, part: number, intervalMs: number): Promise<{ answer: string; ms: number }> {
    const padded = Buffer.from(body.padEnd(bytes));
    const connection = await RawConnection.open(server.port);
    const started = performance.now();
    const fields = `Content-Type: application/json\r\nContent-Length: ${padded.length}\r\nConnection: close\r\n`;
    await connection.send(`POST /score HTTP/1.1\r\nHost: x\r\n${fields}\r\n`);
    for (let at = 0; at < padded.length && connection.unread === ''; at += part) {
      await connection.send(padded.subarray(at, at + part));
      await pause(intervalMs);
    }
    const answer = await connection.answer();
    connection.close();
    return { answer: String(answer?.status), ms: performance.now() - started };
  }

  test('that makes progress may take longer than the time-out', async () => {
    const { answer, ms } = await drip(2_400, 200, 200);
    assert.equal(answer, '200');
    assert(ms > 2 * TIMEOUT_MS, `${ms} ms`);
  });

  test('that stops coming is a 408', async () => {
    const connection = await RawConnection.open(server.port);
    const started = performance.now();
    await connection.send(postBytes('/score', body).subarray(0, -10));
    assert.equal((await connection.answer())?.status, 408);
    const ms = performance.now() - started;
    assert(ms >= TIMEOUT_MS && ms < 4 * TIMEOUT_MS, `${ms} ms`);
    connection.close();
  });

  test('that drips below the least rate is a 408 once the time-out has passed', async () => {
    const { answer, ms } = await drip(2_000, 10, 100);
    assert.equal(answer, '408');
    assert(ms >= TIMEOUT_MS && ms < 4 * TIMEOUT_MS, `${ms} ms`);
  });
});

onBothTransports('MAX_CONNECTIONS', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport, MAX_CONNECTIONS: '10' });
  });
  after(() => server.terminate());

  test('closes what is too many at once, counts it, serves the others, and recovers', async () => {
    // The server's own client holds one.
    await server.request('/livez');
    const kept = await Promise.all(Array.from({ length: 9 }, () => RawConnection.open(server.port)));
    for (const connection of kept) {
      await connection.send('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.equal((await connection.answer())?.status, 200);
    }
    assert.equal(await server.metric('lightscore_connections_open'), 10);
    const opened = await server.metric('lightscore_connections_total');
    const begin = performance.now();
    const surplus = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(server.port)));
    await Promise.all(surplus.map((connection) => connection.untilClosed()));
    assert(surplus.every(({ unread }) => unread === ''));
    assert.equal(await server.metric('lightscore_connections_refused_total'), 20);
    assert.equal(await server.metric('lightscore_connections_total'), opened);
    const lines = server.logs.filter(({ event }) => event === 'connection_refused').length;
    const seconds = Math.ceil((performance.now() - begin) / 1000);
    assert(lines >= 1 && lines <= 1 + seconds, `${lines} lines in ${seconds} s, of which one a second is due`);
    kept[0].close();
    // The server hears of it on its next turns.
    while ((await server.metric('lightscore_connections_open')) > 9) await pause(10);
    const next = await RawConnection.open(server.port);
    await next.send('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await next.answer())?.status, 200);
    for (const connection of [...kept, next]) connection.close();
    while ((await server.metric('lightscore_connections_open')) > 1) await pause(10);
  });
});
