/**
 * Carries out a run with autocannon, stage by stage. Latencies are those of single answers, taken from its events:
 * autocannon's own percentiles count each slow answer again for every millisecond that it took (it means to correct for
 * coordinated omission, and takes seconds for milliseconds), which showed a p50 of 50 ms where there was 0.3.
 */
import autocannon from 'autocannon';
import { LatencyHistogram } from '../load/latency-histogram.js';
import type { Stage } from '../load/schedule.js';
import { type ScheduledRequest, type ScheduledResult, judge } from '../load/scheduled.js';
import { type Interval, IntervalCursor, intervalsOf } from '../load/timeline.js';
import { type Run, warmUp } from './tools.js';

class Recorder {
  readonly versions: Record<string, number> = {};
  readonly unknownVersions: Record<string, number> = {};
  readonly failures: Record<string, number> = {};
  firstFailure: string | undefined;
  #interval: Interval | undefined;
  #right = false;

  /** Answers and errors count for this interval from now on; without one they do not count. */
  enter(interval: Interval | undefined): void {
    this.#interval = interval;
  }

  /** autocannon hands over an answer's text just before it tells its latency. */
  check(request: ScheduledRequest, status: number, body: string): void {
    const verdict = judge(`HTTP/1.1 ${status}\r\n\r\n${body}`, request);
    this.#right = verdict.kind !== 'wrong';
    if (this.#interval === undefined) return;
    if (verdict.kind === 'wrong') {
      this.firstFailure ??= `${status} ${body.slice(0, 2000)}`;
      this.failures[verdict.reason] = (this.failures[verdict.reason] ?? 0) + 1;
      return;
    }
    const counts = verdict.kind === 'right' ? this.versions : this.unknownVersions;
    counts[verdict.version] = (counts[verdict.version] ?? 0) + 1;
  }

  answered(milliseconds: number): void {
    const interval = this.#interval;
    if (interval === undefined) return;
    interval.answered++;
    if (!this.#right) interval.failed++;
    interval.latencies.record(milliseconds);
  }

  lost(error: Error): void {
    if (this.#interval === undefined) return;
    this.#interval.failed++;
    this.failures[error.message] = (this.failures[error.message] ?? 0) + 1;
  }
}

export async function runAutocannon(run: Run): Promise<ScheduledResult> {
  const recorder = new Recorder();
  const stages = run.stages.map(({ seconds, rate }) => ({
    seconds: Math.max(1, Math.round(seconds)),
    rate: Math.max(1, Math.round(rate)),
  }));
  const intervals = intervalsOf(stages, run.intervalSeconds);
  for (const interval of intervals) interval.asked = Math.round(interval.seconds * stages[interval.stage].rate);
  await fire(run, warmUp(stages), recorder, []);
  for (const [number, stage] of stages.entries())
    await fire(
      run,
      stage,
      recorder,
      intervals.filter((interval) => interval.stage === number),
    );
  const { versions, unknownVersions, failures, firstFailure } = recorder;
  return {
    intervals,
    versions,
    unknownVersions,
    failures,
    firstFailure,
    ownDelays: new LatencyHistogram(),
    generatorBusy: NaN,
  };
}

async function fire(
  { origin, headers, requests, connections }: Run,
  { seconds, rate }: Stage,
  recorder: Recorder,
  intervals: readonly Interval[],
): Promise<void> {
  const cursor = new IntervalCursor(intervals);
  const [first] = intervals;
  let begun = performance.now();
  const enter = (): void => recorder.enter(first && cursor.find(first.start + (performance.now() - begun) / 1000));
  const job = autocannon({
    url: origin,
    connections,
    duration: seconds,
    overallRate: rate,
    requests: requests.map((request) => ({
      method: 'POST' as const,
      path: request.path,
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: request.body,
      onResponse: (status: number, body: string) => {
        enter();
        recorder.check(request, status, body);
      },
    })),
  });
  job.on('start', () => (begun = performance.now()));
  job.on('response', (_client, _status, _bytes, milliseconds) => recorder.answered(milliseconds));
  job.on('reqError', (error) => {
    enter();
    recorder.lost(error);
  });
  await job;
}
