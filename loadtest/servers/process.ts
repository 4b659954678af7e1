/** Servers under test, each a process of its own whose CPU can be read. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, truncateSync, watch } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scoring } from '../../src/config/config.js';
import { type Place, place } from '../load/affinity.js';
import { threadCpuSeconds } from '../load/load.js';
import { processCpuSeconds } from '../load/process-clock.js';
import { MODEL_FOLDER, MODEL_VERSION } from '../traffic/demo-model.js';

const READY_MS = 60_000;
const STOP_MS = 15_000;
/** Where a server's log says that it is ready. */
const READY_EVENT = /"event":"ready","url":"http:\/\/[\w.]+:(\d+)"/;
/** What servers without that event say on standard error: bare ones, and Lightscore before it. */
const READY_LINE = /on http:\/\/[\w.]+:(\d+)/;

/** CPU that a process has had since it started, in seconds. */
export interface CpuReading {
  /** The thread of the event loop and the sockets. */
  readonly main: number;
  /** Every other: scoring workers, the garbage collector, log writing. */
  readonly others: number;
}

export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(
    readonly name: string,
    child: ChildProcess,
    folder: string,
    readonly port: number,
    /** From its start to the line that says it is ready, in milliseconds. */
    readonly readyMs: number,
  ) {
    this.#child = child;
    this.#folder = folder;
  }

  /**
   * Starts `command`, whose standard output goes to a file, as its log would in production, and waits until it says
   * there or on standard error on which port it is ready.
   * @throws Error with what it said instead
   */
  static async start(
    name: string,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'lightscore-bench-'));
    const log = openSync(join(folder, 'log'), 'a');
    const started = performance.now();
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', log, 'pipe'] });
    closeSync(log);
    try {
      const port = await readyPort(name, child, join(folder, 'log'));
      return new ServerProcess(name, child, folder, port, performance.now() - started);
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get #pid(): number {
    return this.#child.pid ?? NaN;
  }

  cpu(): CpuReading {
    let main = 0;
    let others = 0;
    for (const thread of readdirSync(`/proc/${this.#pid}/task`).map(Number)) {
      const seconds = threadCpuSeconds(this.#pid, thread);
      if (thread === this.#pid) main += seconds;
      else others += seconds;
    }
    return { main, others };
  }

  /** CPU of the whole process since it started, threads that have ended included, in seconds. */
  cpuSeconds(): number {
    return processCpuSeconds(this.#pid);
  }

  /** Moves the thread of the event loop. */
  place(where: Place): void {
    place(this.#pid, where);
  }

  /** Bytes of resident memory. */
  residentBytes(): number {
    const pages = Number(readFileSync(`/proc/${this.#pid}/statm`, 'utf8').split(' ')[1]);
    return pages * 4096;
  }

  /** A figure of `/metrics`, summed over the labels that contain `labels`. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.origin}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** What it has logged so far. */
  log(): string {
    return readFileSync(join(this.#folder, 'log'), 'utf8');
  }

  /** Forgets what was logged, so that a long benchmark does not fill the disk. */
  emptyLog(): void {
    truncateSync(join(this.#folder, 'log'));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      const killer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
      await gone;
      clearTimeout(killer);
    }
    rmSync(this.#folder, { recursive: true });
  }
}

function readyPort(name: string, child: ChildProcess, log: string): Promise<number> {
  const watching = new AbortController();
  const port = new Promise<number>((resolve, reject) => {
    let said = '';
    const fail = (reason: string): void => {
      if (watching.signal.aborted) return;
      reject(new Error(`${name} ${reason}: ${said.trim()} ${readFileSync(log, 'utf8').slice(-4000)}`));
    };
    const timer = setTimeout(() => fail('did not become ready'), READY_MS);
    watching.signal.addEventListener('abort', () => clearTimeout(timer));
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with code ${code}`));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-4000);
      const found = READY_LINE.exec(said);
      if (found !== null) resolve(Number(found[1]));
    });
    const readLog = (): void => {
      const found = READY_EVENT.exec(readFileSync(log, 'utf8'));
      if (found !== null) resolve(Number(found[1]));
    };
    watch(log, { signal: watching.signal }, readLog);
    readLog();
  });
  return port.finally(() => watching.abort());
}

const script = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export function startBare(answer: string): Promise<ServerProcess> {
  return ServerProcess.start('bare', process.execPath, [script('./bare-server.js'), answer]);
}

export function startBareNode(answer: string): Promise<ServerProcess> {
  return ServerProcess.start('bare node', process.execPath, [script('./bare-node-server.js'), answer]);
}

/** Everything on that is on in production: validation, top features, metrics, the prediction log. */
export function startLightscore(scoring: Scoring, env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  return ServerProcess.start(scoring, process.execPath, [script('../../src/cli.js'), 'serve'], {
    PORT: '0',
    HOST: '127.0.0.1',
    MODEL_DIR: MODEL_FOLDER,
    MODEL_VERSION,
    SCORING: scoring,
    ...env,
  });
}

/** A checkout with its dependencies, built: this one, or another commit's. */
export interface Checkout {
  /** For the report. */
  readonly name: string;
  readonly folder: string;
}

/**
 * Starts the command `serve` of a checkout's own package, with default settings but for the port, the address and how
 * long it drains when it is stopped; `env` names the model. The log goes to a file.
 */
export function startCheckout(
  { name, folder }: Checkout,
  env: Readonly<{ MODEL_DIR: string; MODEL_VERSION: string }>,
): Promise<ServerProcess> {
  const { bin }: { bin: { lightscore: string } } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return ServerProcess.start(name, process.execPath, [join(folder, bin.lightscore), 'serve'], {
    PORT: '0',
    HOST: '127.0.0.1',
    DRAIN_TIMEOUT_MS: '0',
    ...env,
  });
}
