/**
 * The load generator's thread: takes a plan and blocks until it is carried out. Answers a LoadPlan with a RawResult and
 * an AlternatingPlan with one AlternatingResult a target.
 */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { place } from './affinity.js';
import { LatencyHistogram } from './latency-histogram.js';
import { Connections, closeSocket, receive, sendAll } from './linux-sockets.js';
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

/** After the last request was sent, answers are awaited for this long. */
const DRAIN_MS = 2000;
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;

interface Connection {
  /** Under way; undefined while idle. */
  request: CheckedRequest | undefined;
  /** From when its latency counts, performance.now() milliseconds. */
  since: number;
  /** What has arrived of an answer that comes in pieces. */
  text: string;
  /** Bytes of the whole answer, 0 while unknown. */
  bytes: number;
}

interface Preparation {
  readonly bytes: Uint8Array;
  readonly request: CheckedRequest;
}

const buffer = Buffer.allocUnsafeSlow(1 << 18);

/**
 * Requests are sent in groups where more than one is due in this time, seconds: a generator that wakes for each would
 * be busy with waking. What a request waits for its group is in its latency.
 */
const MIN_TICK_S = 50e-6;

class Run {
  readonly #connections = new Connections();
  readonly #open = new Map<number, Connection>();
  readonly #idle: number[] = [];
  readonly #requests: readonly Preparation[];
  readonly #port: number;
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
  closed = 0;

  constructor(target: Target, connections: number) {
    this.#port = target.port;
    this.#requests = target.requests.map((request) => ({ request, bytes: requestBytes(target, request) }));
    for (let i = 0; i < connections; i++) this.#connect();
  }

  /** Each connection sends when it has its answer. */
  closedLoop({ seconds, warmupSeconds }: Pick<LoadPlan, 'seconds' | 'warmupSeconds'>): void {
    const begun = performance.now();
    const measured = begun + warmupSeconds * 1000;
    const end = measured + seconds * 1000;
    this.#sending = true;
    for (const fd of this.#idle.splice(0)) this.#send(fd, performance.now());
    for (let now = begun; now < end; now = performance.now()) {
      if (!this.#measuring && now >= measured) this.#measuring = true;
      this.#connections.wait(Math.max(0, Math.min(50, Math.ceil(end - now))), (fd) => {
        const at = this.#read(fd);
        if (at > 0) this.#send(fd, at);
      });
    }
    this.#drain();
    this.#idle.splice(0, Infinity, ...this.#open.keys());
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
      for (const most = due(now); sent < most && this.#idle.length > 0; sent++) {
        const [fd] = this.#idle.splice(-1);
        this.#send(fd, begun + ((sent + 1) / rate) * 1000);
      }
    };
    for (let now = begun; now < end; now = performance.now()) {
      if (!this.#measuring && now >= measured) this.#measuring = true;
      sendDue(now);
      this.#connections.wait(50, (fd) => {
        if (this.#read(fd) > 0) this.#idle.push(fd);
      });
    }
    this.#drain();
    return due(end) - sent + this.waiting();
  }

  close(): void {
    for (const fd of this.#open.keys()) closeSocket(fd);
    this.#connections.close();
  }

  #connect(): void {
    const fd = this.#connections.open(this.#port);
    this.#open.set(fd, { request: undefined, since: 0, text: '', bytes: 0 });
    this.#idle.push(fd);
  }

  #send(fd: number, since: number): void {
    if (!this.#sending) return;
    const { bytes, request } = this.#requests[this.#next];
    this.#next = (this.#next + 1) % this.#requests.length;
    const connection = this.#open.get(fd);
    if (connection === undefined) return;
    connection.request = request;
    connection.since = since;
    if (!sendAll(fd, bytes)) this.#lose(fd);
  }

  /** @returns when the answer was complete, performance.now() milliseconds, or 0 where it is not yet */
  #read(fd: number): number {
    const connection = this.#open.get(fd);
    if (connection === undefined) return 0;
    const count = receive(fd, buffer);
    if (count <= 0) {
      if (count === 0) this.#lose(fd);
      return 0;
    }
    const piece = buffer.toString('latin1', 0, count);
    const text = connection.text === '' ? piece : connection.text + piece;
    if (connection.bytes === 0) connection.bytes = answerBytes(text);
    if (connection.bytes === 0 || text.length < connection.bytes) {
      connection.text = text;
      return 0;
    }
    const now = performance.now();
    this.answered++;
    if (this.#measuring && this.#sending) {
      this.requests++;
      this.latencies.record(now - connection.since);
    }
    if (connection.request !== undefined) this.#check(text, connection.request);
    connection.request = undefined;
    connection.text = '';
    connection.bytes = 0;
    return now;
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

  #lose(fd: number): void {
    this.closed++;
    this.#open.delete(fd);
    closeSocket(fd);
    this.#connect();
  }

  /** Requests without an answer. */
  waiting(): number {
    return [...this.#open.values()].filter(({ request }) => request !== undefined).length;
  }

  #drain(): void {
    this.#sending = false;
    const end = performance.now() + DRAIN_MS;
    while (this.waiting() > 0 && performance.now() < end) this.#connections.wait(50, (fd) => this.#read(fd));
  }
}

/** Bytes of header and body together, 0 while the header is not all there. */
function answerBytes(text: string): number {
  const header = text.indexOf('\r\n\r\n');
  if (header < 0) return 0;
  const length = CONTENT_LENGTH.exec(text.slice(0, header));
  return header + 4 + (length === null ? 0 : Number(length[1]));
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

const thread = Number(basename(readlinkSync('/proc/thread-self')));
const port = parentPort;
if (port !== null)
  port.on('message', (plan: LoadPlan | AlternatingPlan) =>
    port.postMessage('targets' in plan ? alternate(plan) : runTask(plan), []),
  );
