/**
 * Carries out a schedule: sends every request when it is due, whatever the answers do, and keeps what became of it by
 * the interval in which it was due. Blocks its thread.
 */
import { type Connection, HttpConnections } from './http-connections.js';
import { LatencyHistogram } from './latency-histogram.js';
import { requestBytes } from './request-bytes.js';
import { Schedule, totalSeconds } from './schedule.js';
import { type RawScheduledResult, type ScheduledPlan, type ScheduledRequest, judge } from './scheduled.js';
import { StampedReceiver } from './stamped-receive.js';
import { type Interval, IntervalCursor, intervalsOf, toRaw } from './timeline.js';

/** After the last request was due, answers are awaited for this long. */
const DRAIN_MS = 5000;
/** The generator looks for requests that are due this often, seconds: more often where more of them are. */
const TICK_S = { least: 50e-6, most: 250e-6 } as const;

interface Prepared {
  readonly request: ScheduledRequest;
  readonly bytes: Uint8Array;
}

interface Sent {
  readonly request: ScheduledRequest;
  /** Undefined while warming up. */
  readonly interval: Interval | undefined;
}

export class ScheduledRun {
  readonly #plan: ScheduledPlan;
  readonly #prepared: readonly Prepared[];
  readonly #connections: HttpConnections<Sent>;
  readonly #intervals: readonly Interval[];
  readonly #schedule: Schedule;
  readonly #due: IntervalCursor;
  readonly #arrived: IntervalCursor;
  readonly #versions: Record<string, number> = {};
  readonly #unknownVersions: Record<string, number> = {};
  readonly #failures: Record<string, number> = {};
  readonly #ownDelays = new LatencyHistogram();
  #firstFailure: string | undefined;
  #next = 0;
  #underWay = 0;
  #begun = 0;

  constructor(plan: ScheduledPlan) {
    this.#plan = plan;
    this.#prepared = plan.requests.map((request) => ({
      request: bytewise(request),
      bytes: requestBytes({ path: request.path, host: plan.host }, { body: request.body, headers: plan.headers }),
    }));
    this.#connections = new HttpConnections(plan, plan.connections, {
      stamps: new StampedReceiver(),
      onLost: ({ interval }, since) => {
        this.#fail(interval, performance.now() - since, 'the connection was closed');
        this.#underWay--;
      },
    });
    this.#intervals = intervalsOf(plan.stages, plan.intervalSeconds);
    this.#schedule = new Schedule([plan.warmup, ...plan.stages]);
    this.#due = new IntervalCursor(this.#intervals);
    this.#arrived = new IntervalCursor(this.#intervals);
  }

  execute(): Omit<RawScheduledResult, 'generatorBusy'> {
    const { stages, warmup } = this.#plan;
    const peak = Math.max(...stages.map(({ rate }) => rate));
    this.#connections.tick(Math.min(TICK_S.most, Math.max(TICK_S.least, 1 / (2 * peak))));
    this.#begun = performance.now();
    const lastDue = this.#begun + 1000 * totalSeconds([warmup, ...stages]);
    for (let now = this.#begun; !this.#isOver(now, lastDue); now = performance.now()) {
      this.#sendDue(now);
      this.#connections.wait(50, (connection) => this.#take(connection));
    }
    this.#giveUp();
    return {
      intervals: this.#intervals.map(toRaw),
      versions: this.#versions,
      unknownVersions: this.#unknownVersions,
      failures: this.#failures,
      firstFailure: this.#firstFailure,
      ownDelays: this.#ownDelays.counts,
    };
  }

  close(): void {
    this.#connections.close();
  }

  #isOver(now: number, lastDue: number): boolean {
    if (now >= lastDue + DRAIN_MS) return true;
    return now >= lastDue && this.#schedule.next === Infinity && this.#underWay === 0;
  }

  /** The time of a moment from the start of the first stage, in seconds; negative while warming up. */
  #seconds(now: number): number {
    return (now - this.#begun) / 1000 - this.#plan.warmup.seconds;
  }

  #sendDue(now: number): void {
    for (;;) {
      const due = this.#begun + 1000 * this.#schedule.next;
      if (due > now) return;
      // The first is the one that has been idle for longest.
      const [idlest] = this.#connections.idle;
      const connection = this.#connections.idle.pop();
      if (connection === undefined) return;
      const interval = this.#ask(due);
      // With a connection that was free when the request was due, only the generator can have been late.
      const late = idlest.idleSince <= due;
      if (late && interval !== undefined) this.#ownDelays.record(now - due);
      const { bytes, request } = this.#prepared[this.#next];
      this.#next = (this.#next + 1) % this.#prepared.length;
      this.#underWay++;
      this.#connections.send(connection, bytes, { request, interval }, late ? performance.now() : due);
    }
  }

  /** Takes the next request from the schedule. @returns the interval that it is due in */
  #ask(due: number): Interval | undefined {
    this.#schedule.take();
    const interval = this.#due.find(this.#seconds(due));
    if (interval !== undefined) interval.asked++;
    return interval;
  }

  #take(connection: Connection<Sent>): void {
    const { request: sent, since, arrivedAt, text } = connection;
    this.#connections.release(connection);
    this.#underWay--;
    const arrived = this.#arrived.find(this.#seconds(arrivedAt));
    if (arrived !== undefined) arrived.answered++;
    if (sent?.interval === undefined) return;
    const verdict = judge(text, sent.request);
    if (verdict.kind === 'wrong') {
      this.#firstFailure ??= text.slice(0, 2000);
      this.#fail(sent.interval, arrivedAt - since, verdict.reason);
      return;
    }
    sent.interval.latencies.record(arrivedAt - since);
    const counts = verdict.kind === 'right' ? this.#versions : this.#unknownVersions;
    counts[verdict.version] = (counts[verdict.version] ?? 0) + 1;
  }

  /** A request that failed counts with the time that its caller waited for nothing. */
  #fail(interval: Interval | undefined, milliseconds: number, reason: string): void {
    if (interval === undefined) return;
    interval.failed++;
    interval.latencies.record(milliseconds);
    this.#failures[reason] = (this.#failures[reason] ?? 0) + 1;
  }

  /** Counts the requests that have no answer, sent or not. */
  #giveUp(): void {
    const now = performance.now();
    for (const { request, since } of this.#connections.waiting())
      this.#fail(request?.interval, now - since, 'no answer');
    while (this.#schedule.next < Infinity) {
      const due = this.#begun + 1000 * this.#schedule.next;
      this.#fail(this.#ask(due), now - due, 'no answer');
    }
  }
}

/** The expected texts as the bytes of their UTF-8, one character each, like the answers that are read. */
function bytewise(request: ScheduledRequest): ScheduledRequest {
  const bytes = (text: string): string => Buffer.from(text).toString('latin1');
  return {
    ...request,
    answers: request.answers.map(({ version, begins, contains, ends }) => ({
      version,
      begins: bytes(begins),
      contains: contains.map(bytes),
      ends: bytes(ends),
    })),
  };
}
