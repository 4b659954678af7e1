/**
 * The load generator's thread: takes a plan and blocks until it is carried out. Answers a LoadPlan with a RawResult, an
 * AlternatingPlan with one AlternatingResult a target and a ScheduledPlan with a RawScheduledResult.
 */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { place } from './affinity.js';
import { type Connection, HttpConnections } from './http-connections.js';
import { LatencyHistogram } from './latency-histogram.js';
import {
  type AlternatingPlan,
  type AlternatingResult,
  type CheckedRequest,
  type LoadPlan,
  type RawResult,
  type Target,
  threadCpuSeconds,
} from './load.js';
import { requestBytes } from './request-bytes.js';
import { ScheduledRun } from './scheduled-run.js';
import { type RawScheduledResult, type ScheduledPlan } from './scheduled.js';

/** After the last request was sent, answers are awaited for this long. */
const DRAIN_MS = 2000;

interface Preparation {
  readonly bytes: Uint8Array;
  readonly request: CheckedRequest;
}

/**
 * Requests are sent in groups where more than one is due in this time, seconds: a generator that wakes for each would
 * be busy with waking. What a request waits for its group is in its latency.
 */
const MIN_TICK_S = 50e-6;

class Run {
  readonly #connections: HttpConnections<CheckedRequest>;
  readonly #requests: readonly Preparation[];
  #next = 0;
  #sending = true;
  #measuring = false;
  latencies = new LatencyHistogram();
  /** Answered within the measured time. */
  requests = 0;
  /** Answered at any time. */
  answered = 0;
  wrong = 0;
  firstWrong: string | undefined;

  constructor(target: Target, connections: number) {
    const to = { path: target.path, host: `localhost:${target.port}` };
    this.#requests = target.requests.map((request) => ({ request, bytes: requestBytes(to, request) }));
    this.#connections = new HttpConnections({ address: '127.0.0.1', port: target.port }, connections);
  }

  /** Each connection sends when it has its answer. */
  closedLoop({ seconds, warmupSeconds }: Pick<LoadPlan, 'seconds' | 'warmupSeconds'>): void {
    const begun = performance.now();
    const measured = begun + warmupSeconds * 1000;
    const end = measured + seconds * 1000;
    this.#sending = true;
    for (const connection of this.#connections.idle.splice(0)) this.#send(connection, performance.now());
    for (let now = begun; now < end; now = performance.now()) {
      if (!this.#measuring && now >= measured) this.#measuring = true;
      this.#connections.wait(Math.max(0, Math.min(50, Math.ceil(end - now))), (connection) =>
        this.#send(connection, this.#take(connection)),
      );
    }
    this.#drain();
  }

  /** Requests are due at `rate`; one without a free connection waits, and its latency with it. */
  openLoop({ seconds, warmupSeconds }: Pick<LoadPlan, 'seconds' | 'warmupSeconds'>, rate: number): number {
    this.#connections.tick(Math.max(1 / rate, MIN_TICK_S));
    const begun = performance.now();
    const measured = begun + warmupSeconds * 1000;
    const end = measured + seconds * 1000;
    let sent = 0;
    const due = (now: number): number => Math.floor(((Math.min(now, end) - begun) / 1000) * rate);
    const sendDue = (now: number): void => {
      for (const most = due(now); sent < most; sent++) {
        const connection = this.#connections.idle.pop();
        if (connection === undefined) return;
        this.#send(connection, begun + ((sent + 1) / rate) * 1000);
      }
    };
    for (let now = begun; now < end; now = performance.now()) {
      if (!this.#measuring && now >= measured) this.#measuring = true;
      sendDue(now);
      this.#connections.wait(50, (connection) => this.#finish(connection));
    }
    this.#drain();
    return due(end) - sent + this.waiting();
  }

  get closed(): number {
    return this.#connections.closed;
  }

  /** Requests without an answer. */
  waiting(): number {
    return this.#connections.waiting().length;
  }

  close(): void {
    this.#connections.close();
  }

  #send(connection: Connection<CheckedRequest>, since: number): void {
    if (!this.#sending) return;
    const { bytes, request } = this.#requests[this.#next];
    this.#next = (this.#next + 1) % this.#requests.length;
    this.#connections.send(connection, bytes, request, since);
  }

  /** Counts and checks an answer. @returns when it was complete, performance.now() milliseconds */
  #take(connection: Connection<CheckedRequest>): number {
    this.answered++;
    if (this.#measuring && this.#sending) {
      this.requests++;
      this.latencies.record(connection.arrivedAt - connection.since);
    }
    if (connection.request !== undefined) this.#check(connection.text, connection.request);
    this.#connections.clear(connection);
    return connection.arrivedAt;
  }

  #finish(connection: Connection<CheckedRequest>): void {
    this.#take(connection);
    this.#connections.release(connection);
  }

  #check(answer: string, { begins, ends }: CheckedRequest): void {
    if (
      answer.startsWith('HTTP/1.1 200') &&
      answer.startsWith(begins, answer.indexOf('\r\n\r\n') + 4) &&
      answer.endsWith(ends)
    )
      return;
    this.wrong++;
    this.firstWrong ??= answer.slice(0, 2000);
  }

  #drain(): void {
    this.#sending = false;
    const end = performance.now() + DRAIN_MS;
    while (this.waiting() > 0 && performance.now() < end)
      this.#connections.wait(50, (connection) => this.#finish(connection));
  }
}

function runTask(plan: LoadPlan): RawResult {
  place(thread, plan.apart ? 'loading' : 'anywhere');
  const run = new Run(plan, plan.connections);
  try {
    const before = threadCpuSeconds('self', thread);
    const unanswered = plan.rate === undefined ? (run.closedLoop(plan), 0) : run.openLoop(plan, plan.rate);
    const cpuSeconds =
      ((threadCpuSeconds('self', thread) - before) * plan.seconds) / (plan.seconds + plan.warmupSeconds);
    const { requests, wrong, firstWrong, closed, latencies } = run;
    return {
      requests,
      seconds: plan.seconds,
      counts: latencies.counts,
      wrong,
      firstWrong,
      closed,
      unanswered,
      cpuSeconds,
    };
  } finally {
    run.close();
  }
}

function alternate({ targets, connections, sliceSeconds, slices, apart }: AlternatingPlan): AlternatingResult[] {
  place(thread, apart ? 'loading' : 'anywhere');
  const runs = targets.map((target) => new Run(target, connections));
  try {
    // In an order that turns with every slice: a drift of the machine's speed then falls on all alike.
    for (let slice = 0; slice < slices; slice++) {
      for (const run of slice % 2 === 0 ? runs : runs.toReversed()) {
        run.closedLoop({ seconds: sliceSeconds, warmupSeconds: 0 });
        const waiting = run.waiting();
        if (waiting > 0) throw new Error(`${waiting} requests have no answer ${DRAIN_MS} ms after the last was sent`);
      }
    }
    return runs.map(({ answered, wrong, firstWrong, closed }) => ({ requests: answered, wrong, firstWrong, closed }));
  } finally {
    for (const run of runs) run.close();
  }
}

function runSchedule(plan: ScheduledPlan): RawScheduledResult {
  const run = new ScheduledRun(plan);
  try {
    const before = threadCpuSeconds('self', thread);
    const begun = performance.now();
    const result = run.execute();
    const seconds = (performance.now() - begun) / 1000;
    return { ...result, generatorBusy: (threadCpuSeconds('self', thread) - before) / seconds };
  } finally {
    run.close();
  }
}

function execute(plan: LoadPlan | AlternatingPlan | ScheduledPlan): unknown {
  if ('targets' in plan) return alternate(plan);
  return 'stages' in plan ? runSchedule(plan) : runTask(plan);
}

const thread = Number(basename(readlinkSync('/proc/thread-self')));
const port = parentPort;
if (port !== null)
  port.on('message', (plan: LoadPlan | AlternatingPlan | ScheduledPlan) => port.postMessage(execute(plan), []));
