/** The open-loop generator: when requests are due, what counts as an answer, and from when a latency counts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { LatencyHistogram } from '../loadtest/load/latency-histogram.js';
import { LoadGenerator } from '../loadtest/load/load.js';
import { type ScheduledPlan, type ScheduledRequest, judge } from '../loadtest/load/scheduled.js';
import { Schedule, type Stage, totalSeconds } from '../loadtest/load/schedule.js';
import { IntervalCursor, intervalsOf } from '../loadtest/load/timeline.js';
import { startServer } from './support/server.js';

const linuxOnly = process.platform === 'linux' ? {} : { skip: "the load generator needs Linux's epoll" };

const stagesOf = fc.array(
  fc.record({ seconds: fc.integer({ min: 1, max: 40 }), rate: fc.integer({ min: 1, max: 50 }) }),
  { minLength: 1, maxLength: 5 },
);

/** Requests that took longer than `milliseconds`, to the percent of the histogram's buckets. */
function countAbove(latencies: LatencyHistogram, milliseconds: number): number {
  const { total } = latencies;
  let count = 0;
  while (count < total && latencies.quantile(1 - count / total) > milliseconds) count++;
  return count;
}

function dueTimes(stages: readonly Stage[]): number[] {
  const schedule = new Schedule(stages);
  const times: number[] = [];
  for (; schedule.next < Infinity; schedule.take()) times.push(schedule.next);
  return times;
}

test('every stage has its rate, evenly spaced, and every request is due in an interval of its stage', () => {
  fc.assert(
    fc.property(stagesOf, fc.integer({ min: 1, max: 7 }), (stages, seconds) => {
      const times = dueTimes(stages);
      const intervals = intervalsOf(stages, seconds);
      const cursor = new IntervalCursor(intervals);
      for (const time of times) {
        const interval = cursor.find(time);
        assert(interval !== undefined);
        interval.asked++;
      }
      for (const [number, stage] of stages.entries()) {
        const own = intervals.filter((interval) => interval.stage === number);
        assert.equal(
          own.reduce((sum, { asked }) => sum + asked, 0),
          stage.seconds * stage.rate,
        );
        assert(own.every((interval) => interval.seconds <= seconds));
      }
      assert(Math.abs((times.at(-1) ?? 0) - totalSeconds(stages)) < 1e-6);
    }),
  );
});

test('a stage whose requests are no whole number keeps within its time', () => {
  assert.deepEqual(
    dueTimes([
      { seconds: 0.5, rate: 3 },
      { seconds: 1, rate: 1 },
    ]),
    [1 / 3, 1.5],
  );
});

describe('an answer', () => {
  const expected = (version: string, scores: readonly number[]) => ({
    version,
    begins: `[{"confidence_score":${scores[0]},`,
    contains: [`"model_version":"${version}"`, `{"confidence_score":${scores[1]},`],
    ends: '}]',
  });
  const request: ScheduledRequest = {
    path: '/score_batch',
    body: '',
    rows: 2,
    answers: [expected('v1', [0.25, 0.5]), expected('v2', [0.75, 1])],
  };
  const answer = (version: string, scores: readonly number[], status = 200): string => {
    const rows = scores.map((score) => `{"confidence_score":${score},"model_version":"${version}"}`);
    return `HTTP/1.1 ${status} OK\r\nA: b\r\n\r\n[${rows.join()}]`;
  };

  test('is right with the scores of the version that it names', () => {
    assert.deepEqual(judge(answer('v1', [0.25, 0.5]), request), { kind: 'right', version: 'v1' });
    assert.deepEqual(judge(answer('v2', [0.75, 1]), request), { kind: 'right', version: 'v2' });
  });

  test('is wrong with a score of another version, one bit off, too few or too many of them', () => {
    for (const scores of [[0.75, 1], [0.25, 1], [0.25, 0.5000000000000001], [0.25], [0.25, 0.5, 0.5]])
      assert.deepEqual(judge(answer('v1', scores), request), { kind: 'wrong', reason: 'wrong answer' }, String(scores));
    assert.deepEqual(judge(answer('v1', [0.25, 0.5], 503), request), { kind: 'wrong', reason: 'status 503' });
  });

  test('of a version that nobody knows is told apart, where it has as many scores as rows', () => {
    assert.deepEqual(judge(answer('v3 ü', [9, 9]).replaceAll('ü', Buffer.from('ü').toString('latin1')), request), {
      kind: 'unknown version',
      version: 'v3 ü',
    });
    assert.deepEqual(judge(answer('v3', [9]), request), { kind: 'wrong', reason: 'wrong answer' });
  });
});

describe('a load by schedule', linuxOnly, () => {
  const row = { features: Array.from({ length: 15 }, () => 0) };
  const anyScore = {
    version: 'v1.0.0',
    begins: '{"confidence_score":',
    contains: ['"model_version":"v1.0.0"'],
    ends: '}',
  };
  const request: ScheduledRequest = { path: '/score', body: JSON.stringify(row), rows: 1, answers: [anyScore] };
  const plan = (port: number, stages: readonly Stage[]): ScheduledPlan => ({
    address: '127.0.0.1',
    port,
    host: `localhost:${port}`,
    headers: {},
    requests: [request],
    connections: 64,
    warmup: { seconds: 0.5, rate: 100 },
    stages,
    intervalSeconds: 0.5,
  });

  test('charges a stall of the server to every request that was due in it', async () => {
    const server = await startServer();
    const generator = new LoadGenerator();
    try {
      const stages = [{ seconds: 3, rate: 200 }];
      const running = generator.schedule(plan(server.port, stages));
      let predictions = 0;
      await server.log(({ event }) => event === 'prediction' && ++predictions === 250, 'a prediction of the load');
      server.signal('SIGSTOP');
      setTimeout(() => server.signal('SIGCONT'), 1000);
      const { intervals, versions, failures } = await running;
      assert.deepEqual([versions, failures], [{ 'v1.0.0': 600 }, {}]);
      assert.equal(
        intervals.reduce((sum, { asked }) => sum + asked, 0),
        600,
      );
      const delayed = intervals.reduce((sum, { latencies }) => sum + countAbove(latencies, 250), 0);
      // Of the 200 requests that were due within the second, three quarters waited a quarter of it or longer.
      assert(delayed >= 140 && delayed <= 320, `${delayed} were delayed`);
    } finally {
      await generator.close();
      await server.stop();
    }
  });

  test('counts requests that are never answered, with the time that was waited for them', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const generator = new LoadGenerator();
    try {
      const { port } = silent.address() as AddressInfo;
      const result = await generator.schedule({ ...plan(port, [{ seconds: 1, rate: 100 }]), connections: 10 });
      assert.deepEqual([result.failures, result.versions], [{ 'no answer': 100 }, {}]);
      assert.deepEqual(
        result.intervals.map(({ asked, answered, failed }) => [asked, answered, failed]),
        [
          [50, 0, 50],
          [50, 0, 50],
        ],
      );
      assert(result.intervals[0].latencies.quantile(0) > 4000);
    } finally {
      await generator.close();
      silent.closeAllConnections();
      silent.close();
    }
  });

  test('connects again after a server that closes its connections, and counts lost requests', async () => {
    let answers = 0;
    const fickle = createServer((incoming, outgoing) => {
      incoming.resume();
      if (++answers % 10 === 0) incoming.socket.destroy();
      else outgoing.end('{"confidence_score":0.5,"model_version":"v1.0.0"}');
    }).listen(0, '127.0.0.1');
    await once(fickle, 'listening');
    const generator = new LoadGenerator();
    try {
      const { port } = fickle.address() as AddressInfo;
      const { failures, versions } = await generator.schedule(plan(port, [{ seconds: 1, rate: 100 }]));
      assert.deepEqual([failures, versions], [{ 'the connection was closed': 10 }, { 'v1.0.0': 90 }]);
    } finally {
      await generator.close();
      fickle.closeAllConnections();
      fickle.close();
    }
  });
});
