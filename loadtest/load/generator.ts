/** The load generator's thread: takes a LoadPlan, blocks until it is carried out, answers with a RawResult. */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { place } from './affinity.js';
import { LatencyHistogram } from './latency-histogram.js';
import { Connections, closeSocket, receive, sendAll } from './linux-sockets.js';
import { type CheckedRequest, type LoadPlan, type RawResult, threadCpuSeconds } from './load.js';

/** How long answers are awaited after the last request is sent. */
const DRAIN_MS = 2000;
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;

interface Connection {
  /** The request in flight; undefined while idle. */
  request: CheckedRequest | undefined;
  /** The time from which its latency counts, in performance.now() milliseconds. */
  since: number;
  /** The part of an answer that has arrived so far. */
  text: string;
  /** Length of the whole answer in bytes, 0 while unknown. */
  bytes: number;
}

interface Preparation {
  readonly bytes: Uint8Array;
  readonly request: CheckedRequest;
}

const buffer = Buffer.allocUnsafeSlow(1 << 18);

/**
 * The shortest interval, in seconds, at which the generator wakes: it sends all requests that are due then, because
 * waking for each would keep it busy. The time that a request waits for this is part of its latency.
 */
const MIN_TICK_S = 50e-6;

class Run {
  readonly #connections = new Connections();
  readonly #open = new Map<number, Connection>();
  readonly #idle: number[] = [];
  readonly #requests: readonly Preparation[];
  #next = 0;
  #sending = true;
  #measuring = false;
  latencies = new LatencyHistogram();
  requests = 0;
  wrong = 0;
  firstWrong: string | undefined;
  closed = 0;

  constructor(private readonly plan: LoadPlan) {
    this.#requests = plan.requests.map((request) => ({ request, bytes: encode(plan, request.body) }));
    for (let i = 0; i < plan.connections; i++) this.#connect();
  }

  /** Each connection sends when it has its answer. */
  closedLoop(): void {
    const begun = performance.now();
    const measured = begun + this.plan.warmupSeconds * 1000;
    const end = measured + this.plan.seconds * 1000;
    for (const fd of this.#idle.splice(0)) this.#send(fd, performance.now());
    for (let now = begun; now < end; now = performance.now()) {
      if (!this.#measuring && now >= measured) this.#measuring = true;
      this.#connections.wait(Math.max(0, Math.min(50, Math.ceil(end - now))), (fd) => {
        const at = this.#read(fd);
        if (at > 0) this.#send(fd, at);
      });
    }
    this.#drain();
  }

  /** Requests are due at `rate`; one without a free connection waits, and its latency with it. */
  openLoop(rate: number): number {
    this.#connections.tick(Math.max(1 / rate, MIN_TICK_S));
    const begun = performance.now();
    const measured = begun + this.plan.warmupSeconds * 1000;
    const end = measured + this.plan.seconds * 1000;
    let sent = 0;
    const due = (now: number): number => Math.floor(((Math.min(now, end) - begun) / 1000) * rate);
    const sendDue = (now: number): void => {
      for (const total = due(now); sent < total && this.#idle.length > 0; sent++) {
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
    return due(end) - sent + this.#waiting();
  }

  close(): void {
    for (const fd of this.#open.keys()) closeSocket(fd);
    this.#connections.close();
  }

  #connect(): void {
    const fd = this.#connections.open(this.plan.port);
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

  /** @returns the time at which the answer was complete, in performance.now() milliseconds, or 0 where it is not yet */
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

  #waiting(): number {
    return [...this.#open.values()].filter(({ request }) => request !== undefined).length;
  }

  #drain(): void {
    this.#sending = false;
    const end = performance.now() + DRAIN_MS;
    while (this.#waiting() > 0 && performance.now() < end) this.#connections.wait(50, (fd) => this.#read(fd));
  }
}

function encode({ path, port }: LoadPlan, body: string): Uint8Array {
  const payload = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: ${payload.length}\r\n\r\n`,
    ),
    payload,
  ]);
}

/** Length of header and body together in bytes, 0 while the header is incomplete. */
function answerBytes(text: string): number {
  const header = text.indexOf('\r\n\r\n');
  if (header < 0) return 0;
  const length = CONTENT_LENGTH.exec(text.slice(0, header));
  return header + 4 + (length === null ? 0 : Number(length[1]));
}

function runTask(plan: LoadPlan): RawResult {
  place(thread, plan.apart ? 'loading' : 'anywhere');
  const run = new Run(plan);
  try {
    const before = threadCpuSeconds('self', thread);
    const unanswered = plan.rate === undefined ? (run.closedLoop(), 0) : run.openLoop(plan.rate);
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

const thread = Number(basename(readlinkSync('/proc/thread-self')));
const port = parentPort;
if (port !== null) port.on('message', (plan: LoadPlan) => port.postMessage(runTask(plan), []));
