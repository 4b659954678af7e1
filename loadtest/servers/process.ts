/** Servers under test, each in a process of its own whose CPU time can be read. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scoring } from '../../src/config/config.js';
import { type Place, place } from '../load/affinity.js';
import { threadCpuSeconds } from '../load/load.js';
import { MODEL_FOLDER, MODEL_VERSION } from '../traffic/demo-model.js';

const READY_MS = 60_000;
const STOP_MS = 15_000;
const ORIGIN = /on (http:\/\/[\w.]+:(\d+))/;

/** The CPU seconds that a process has used since it started. */
export interface CpuReading {
  /** The thread of the event loop and the sockets. */
  readonly main: number;
  /** All other threads: scoring workers, the garbage collector, log writing. */
  readonly others: number;
}

interface ReadyServer {
  readonly name: string;
  readonly port: number;
  /** Milliseconds from the start of the process to the line that says that it is ready. */
  readonly readyMs: number;
}

export class ServerProcess {
  readonly name: string;
  readonly port: number;
  readonly readyMs: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor({ name, port, readyMs }: ReadyServer, child: ChildProcess, folder: string) {
    this.name = name;
    this.port = port;
    this.readyMs = readyMs;
    this.#child = child;
    this.#folder = folder;
  }

  /**
   * Starts `command`, whose standard output goes to a file as its log would in production, and waits until it prints
   * its port on standard error.
   * @throws Error with its output, where it does not become ready
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
      const port = await readyPort(name, child);
      return new ServerProcess({ name, port, readyMs: performance.now() - started }, child, folder);
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

  /** Moves the thread of the event loop. */
  place(where: Place): void {
    place(this.#pid, where);
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    const pages = Number(readFileSync(`/proc/${this.#pid}/statm`, 'utf8').split(' ')[1]);
    return pages * 4096;
  }

  /** A metric of `/metrics`, summed over all series whose labels contain `labels`. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.origin}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Empties the log, so that a long benchmark does not fill the disk. */
  emptyLog(): void {
    truncateSync(join(this.#folder, 'log'));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      const killer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(killer);
    }
    rmSync(this.#folder, { recursive: true });
  }
}

function readyPort(name: string, child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (reason: string): void => reject(new Error(`${name} ${reason}: ${output.trim()}`));
    const timer = setTimeout(() => fail('did not become ready'), READY_MS);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with code ${code}`));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output = `${output}${text}`.slice(-4000);
      const match = ORIGIN.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve(Number(match[2]));
    });
  });
}

const script = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export function startBare(answer: string): Promise<ServerProcess> {
  return ServerProcess.start('bare', process.execPath, [script('./bare-server.js'), answer]);
}

/** Starts Lightscore with all that production has: validation, top features, metrics, the prediction log. */
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
