/** Starts the real server, as a process of its own on a free port of the loopback interface, and talks to it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import {
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  request as httpRequest,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ProblemDetails, ScoreResponse } from '../../src/contract/schemas.js';
import { projectRoot } from './project.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The command line that was compiled beside this file. */
export const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
export const MODELS = join(projectRoot, 'test/data/models');

/**
 * What servers of tests get unless told otherwise; `undefined` takes a variable away. Nothing else is inherited but
 * PATH. The deadline is long, as the machines that run tests are busy, and draining short, as most tests end their
 * server idle. `ACCEPTORS=2 npm test` holds several acceptors to the same tests.
 */
const ENVIRONMENT: Environment = {
  HOST: '127.0.0.1',
  PORT: '0',
  MODEL_DIR: MODELS,
  MODEL_VERSION: 'v1.0.0',
  WORKERS: process.env['ACCEPTORS'] ?? '1',
  REQUEST_TIMEOUT_MS: '20000',
  DRAIN_TIMEOUT_MS: '200',
  ACCEPTORS: process.env['ACCEPTORS'],
  TRANSPORT: process.env['TRANSPORT'],
};

const START_MS = 60_000;
const STOP_MS = 20_000;
const QUEUE_MS = 10_000;

/** A line of the server's log. */
export interface LogLine {
  readonly level: number;
  readonly time: string;
  readonly event?: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/** An answer, and its body as one of the contract's types: which one it is, the test says. */
export class Answer {
  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    readonly text: string,
  ) {}

  get json(): Readonly<Record<string, unknown>> {
    const body: Readonly<Record<string, unknown>> = JSON.parse(this.text);
    return body;
  }

  /** The parsed answer of `/score`. */
  get scored(): ScoreResponse {
    const body: ScoreResponse = JSON.parse(this.text);
    return body;
  }

  /** The parsed answer of `/score_batch`. */
  get scoredBatch(): readonly ScoreResponse[] {
    const body: readonly ScoreResponse[] = JSON.parse(this.text);
    return body;
  }

  get problem(): ProblemDetails {
    const body: ProblemDetails = JSON.parse(this.text);
    return body;
  }
}

export interface RequestOptions {
  /** POST where there is a body, else GET. */
  readonly method?: string;
  /** `undefined` takes a default header away. */
  readonly headers?: OutgoingHttpHeaders;
  /** Bytes and text go as they are, anything else as JSON. */
  readonly body?: unknown;
  /** A connection of its own, closed behind the answer. */
  readonly ownConnection?: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerOptions {
  /** When it counts as started: `ready` to score, or `listening`, with or without a model. */
  readonly until?: 'ready' | 'listening';
  /** Reads standard output until the server has started, and then no further until `readLogs` is called. */
  readonly pauseLogs?: boolean;
  /** Flags of `serve`. */
  readonly flags?: readonly string[];
  /** The Node that runs it; by default the one that runs the tests. */
  readonly node?: string;
}

function parseLine(line: string): LogLine {
  const parsed: LogLine = JSON.parse(line);
  return parsed;
}

/** Collects lines and wakes whoever waits for one. */
class Lines {
  readonly all: string[] = [];
  #rest = '';
  readonly #waiting = new Set<(line: string) => void>();

  add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      this.all.push(line);
      for (const wake of this.#waiting) wake(line);
    }
  }

  onLine(wake: (line: string) => void): () => void {
    for (const line of this.all) wake(line);
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}

export class ServerProcess {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #stdout = new Lines();
  readonly #stderr = new Lines();
  #agent: HttpAgent | undefined;
  /** When the process has ended and all its output has been read. */
  readonly exited: Promise<Exit>;
  /** When the process has ended; output may be left. */
  readonly ended: Promise<Exit>;
  /** The address, from the `listening` event or the greeting. */
  url = '';

  constructor(env: Environment, { flags = [], node = process.execPath }: ServerOptions = {}) {
    const defined = Object.entries({ PATH: process.env['PATH'], ...ENVIRONMENT, ...env }).filter(
      ([, value]) => value !== undefined,
    );
    this.#child = spawn(node, [CLI, 'serve', ...flags], {
      cwd: projectRoot,
      env: Object.fromEntries(defined),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout.setEncoding('utf8');
    this.#child.stderr.setEncoding('utf8');
    this.#child.stdout.on('data', (text: string) => this.#stdout.add(text));
    this.#child.stderr.on('data', (text: string) => this.#stderr.add(text));
    const endWithParent = () => this.#child.kill('SIGKILL');
    process.on('exit', endWithParent);
    this.ended = new Promise((resolve) => this.#child.on('exit', (code, signal) => resolve({ code, signal })));
    this.exited = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', (code, signal) => {
        process.off('exit', endWithParent);
        this.#agent?.destroy();
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the server has no process');
    return this.#child.pid;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The log so far. */
  get logs(): readonly LogLine[] {
    return this.#stdout.all.map(parseLine);
  }

  /** Standard error so far. */
  get stderr(): string {
    return this.#stderr.all.map((line) => `${line}\n`).join('');
  }

  pauseLogs(): void {
    this.#child.stdout.pause();
  }

  readLogs(): void {
    this.#child.stdout.resume();
  }

  /** The first line of the log, also of the past, that `matches`. */
  log(matches: (line: LogLine) => boolean, what = 'the expected line'): Promise<LogLine> {
    return this.#find(
      this.#stdout,
      (line) => {
        const parsed = parseLine(line);
        return matches(parsed) ? parsed : undefined;
      },
      what,
    );
  }

  event(name: string): Promise<LogLine> {
    return this.log(({ event }) => event === name, `event ${name}`);
  }

  async started(until: 'ready' | 'listening'): Promise<void> {
    const { url } = await this.event(until);
    this.url = String(url).replace('//localhost', '//127.0.0.1');
  }

  /** One request over kept-alive connections (as many as needed), certificates unchecked. */
  request(path: string, { method, headers = {}, body, ownConnection = false }: RequestOptions = {}): Promise<Answer> {
    const secure = this.url.startsWith('https:');
    this.#agent ??= secure
      ? new HttpsAgent({ keepAlive: true, rejectUnauthorized: false })
      : new HttpAgent({ keepAlive: true });
    const bytes =
      body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const all = Object.entries({
      ...(bytes !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(bytes) }),
      ...headers,
    }).filter(([, value]) => value !== undefined);
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? httpsRequest : httpRequest)(
        `${this.url}${path}`,
        {
          method: method ?? (bytes === undefined ? 'GET' : 'POST'),
          headers: Object.fromEntries(all),
          agent: ownConnection ? false : this.#agent,
          ...(secure && { rejectUnauthorized: false }),
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            resolve(new Answer(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks).toString()));
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(bytes);
    });
  }

  score(body: unknown, path = '/score', headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.request(path, { method: 'POST', body, headers });
  }

  /**
   * The value of a metric with these labels, of those that `/metrics` shows now; NaN where it has none.
   * @param labels as Prometheus writes them, `{route="/score",status="200"}`; empty for none
   */
  async metric(name: string, labels = ''): Promise<number> {
    const { text } = await this.request('/metrics');
    const start = `${name}${labels} `;
    const line = text.split('\n').find((candidate) => candidate.startsWith(start));
    return line === undefined ? NaN : Number(line.slice(start.length));
  }

  /**
   * Resolves when every row that waited is answered or given up: a client that has left may have left one behind.
   * @throws Error where rows still wait after ten seconds
   */
  async queueIsEmpty(): Promise<void> {
    const until = performance.now() + QUEUE_MS;
    for (;;) {
      const rows = await this.metric('lightscore_queue_rows');
      if (rows === 0) return;
      if (performance.now() > until) throw new Error(`${rows} rows still wait after ${QUEUE_MS} ms`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it as an orchestrator would. */
  terminate(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.exited;
  }

  /**
   * Ends it as an orchestrator would, where it has not ended: a process that is killed writes no coverage.
   * @throws Error where it does not end in time; it is killed then
   */
  async stop(): Promise<void> {
    // Output that nobody has read would keep `exited` waiting.
    this.#child.stdout.resume();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.signal('SIGKILL');
    }, STOP_MS);
    await this.terminate();
    clearTimeout(timer);
    if (late) throw new Error(`the server did not end within ${STOP_MS} ms of SIGTERM; standard error: ${this.stderr}`);
  }

  /** Ends it at once, in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  #find<T>(lines: Lines, match: (line: string) => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      let over = false;
      const settle = (done: () => void): void => {
        if (over) return;
        over = true;
        clearTimeout(timer);
        // A line of the past matches before there is anything to stop.
        queueMicrotask(() => stop());
        done();
      };
      const fail = (why: string) =>
        settle(() =>
          reject(
            new Error(
              `${what}: ${why}; standard error: ${this.stderr}; log: ${this.#stdout.all.slice(-20).join('\n')}`,
            ),
          ),
        );
      const timer = setTimeout(() => fail(`not seen in ${START_MS} ms`), START_MS);
      const stop = lines.onLine((line) => {
        const found = over ? undefined : match(line);
        if (found !== undefined) settle(() => resolve(found));
      });
      this.exited.then(({ code, signal }) => fail(`the server ended with ${signal ?? code}`), reject);
    });
  }
}

/**
 * Starts a server and waits for it. End it with `stop` or `terminate`, or with `kill` where the test is of a crash.
 * @throws Error with its standard error and the end of its log, where it does not start
 */
export async function startServer(
  env: Environment = {},
  { until = 'ready', ...options }: ServerOptions = {},
): Promise<ServerProcess> {
  const server = new ServerProcess(env, options);
  try {
    await server.started(until);
    if (options.pauseLogs === true) server.pauseLogs();
  } catch (error) {
    await server.kill();
    throw error;
  }
  return server;
}

/** Runs a server that is expected to refuse to start. */
export async function failingServer(
  env: Environment,
  options: ServerOptions = {},
): Promise<Exit & { readonly stderr: string; readonly logs: readonly LogLine[] }> {
  const server = new ServerProcess(env, options);
  const timer = setTimeout(() => server.signal('SIGKILL'), START_MS);
  const exit = await server.exited;
  clearTimeout(timer);
  return { ...exit, stderr: server.stderr, logs: server.logs };
}
