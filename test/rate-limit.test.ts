/** The rate limiter, for one acceptor and for several. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as elapsed } from 'node:timers/promises';
import { RateLimiter } from '../src/access/rate-limiter.js';

/** Requests of one caller, one event each as they come from sockets: how many are permitted. */
async function permitted(take: () => number, requests: number): Promise<number> {
  let count = 0;
  for (let i = 0; i < requests; i++) {
    if (take() === 0) count++;
    await nextTurn();
  }
  return count;
}

const create = (requestsPerSecond: number): RateLimiter => new RateLimiter(RateLimiter.table(), requestsPerSecond);

describe('a rate limit', () => {
  test('permits so many requests and no more, then says how long to wait', async () => {
    const limiter = create(5);
    assert.equal(await permitted(() => limiter.takeKey('a'), 50), 5);
    assert.equal(limiter.takeKey('a'), 1);
  });

  test('counts each key and each address apart', async () => {
    const limiter = create(2);
    assert.equal(await permitted(() => limiter.takeKey('10.0.0.1'), 5), 2);
    assert.equal(await permitted(() => limiter.takeKey('b'), 5), 2);
    assert.equal(await permitted(() => limiter.takeAddress('10.0.0.1'), 5), 2);
    assert.equal(await permitted(() => limiter.takeAddress('10.0.0.2'), 5), 2);
  });

  test('counts the addresses of one IPv6 network together', async () => {
    const limiter = create(2);
    let host = 0;
    assert.equal(await permitted(() => limiter.takeAddress(`2001:db8::${++host}`), 10), 2);
  });

  test('of one permits one', async () => {
    const limiter = create(1);
    assert.equal(await permitted(() => limiter.takeKey('a'), 10), 1);
  });

  test('begins anew a second after the first request', async () => {
    const limiter = create(3);
    const started = performance.now();
    assert.equal(await permitted(() => limiter.takeKey('a'), 10), 3);
    while (limiter.takeKey('a') !== 0) await elapsed(10);
    assert.ok(performance.now() - started >= 999, 'not before its time');
    assert.equal(await permitted(() => limiter.takeKey('a'), 10), 2);
  });
});

describe('a rate limit that acceptors share', () => {
  test('is one for all of them', async () => {
    const table = RateLimiter.table();
    const limiters = Array.from({ length: 3 }, () => new RateLimiter(table, 10));
    let turn = 0;
    assert.equal(await permitted(() => limiters[turn++ % 3].takeKey('a'), 60), 10);
    assert.equal(await permitted(() => limiters[turn++ % 3].takeAddress('10.0.0.1'), 60), 10);
  });

  test('counts many callers apart', () => {
    const limiter = new RateLimiter(RateLimiter.table(), 3);
    for (let round = 0; round < 3; round++)
      for (let i = 0; i < 10_000; i++) assert.equal(limiter.takeAddress(`10.0.${i >> 8}.${i & 255}`), 0);
    let refused = 0;
    for (let i = 0; i < 10_000; i++) if (limiter.takeAddress(`10.0.${i >> 8}.${i & 255}`) > 0) refused++;
    assert(refused >= 9_900, `${refused} refused of those whose limit is used up`);
  });

  test('has counters for more callers than its table, so that memory is bounded', () => {
    const limiter = new RateLimiter(RateLimiter.table(), 1);
    let refused = 0;
    for (let i = 0; i < 200_000; i++)
      if (limiter.takeAddress(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`) !== 0) refused++;
    assert(refused > 5_000, `${refused} refused`);
    assert.equal(limiter.takeKey('a caller with a key'), 0);
  });
});
