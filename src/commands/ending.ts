/** The end of the process: once, whoever asks for it, and in time, whatever hangs. */
import { write } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/config.js';
import { endNow, isBestEnd } from '../process-end.js';
import type { Server } from '../server.js';
import { removePidFile } from './pid-file.js';

/** How long closing may take, and then the log, once the time to drain is over. */
const CLOSING_MS = 300;
const LOG_MS = 300;
/** How long standard error is waited for. */
const TELL_MS = 100;
/** How long a server that could not start may take to close, at least. */
const FAILED_START_MS = 3000;
/** How long the process may take to end by itself once all that is over, too. */
const GRACE_MS = 1000;
/**
 * Code of a thread: it ends the process even where the main thread hangs in a write to a file or a pipe. The first
 * process of a container does not receive its signal; what started the container kills that one.
 */
const WATCH = `
const { workerData } = require('node:worker_threads');
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData);
process.kill(process.pid, 'SIGKILL');
`;

export class Ending {
  readonly #server: Server;
  readonly #config: Config;
  #exitCode = 0;
  #deadline = Infinity;
  begun = false;

  constructor(server: Server, config: Config) {
    this.#server = server;
    this.#config = config;
  }

  /** Answers what was accepted, writes the log and ends. SIGINT of Ctrl-C often comes twice: from terminal and npm. */
  begin(exitCode: number): void {
    this.#exitCode = Math.max(this.#exitCode, exitCode);
    if (this.begun) return;
    this.#start(this.#config.http.drainTimeoutMs);
    const { logger } = this.#server.log;
    void this.#server
      .drain()
      .catch((error: unknown) => {
        logger.fatal({ event: 'drain_failed', err: error }, 'draining failed');
        this.#exitCode = Math.max(this.#exitCode, 1);
      })
      .then(() => this.#close())
      .then((outcome) => {
        // A thread is blocked in a write to a file or to a log that nobody reads, and `exit` would wait for it.
        if (outcome === 'blocked' || (outcome === 'late' && isBestEnd())) endNow(this.#exitCode);
        else process.exit(this.#exitCode);
      });
  }

  /** After a start that failed: closes everything, so that the process ends when the caller has said why. */
  async abandon(): Promise<void> {
    this.#start(Math.max(this.#config.http.drainTimeoutMs, FAILED_START_MS));
    if ((await this.#close()) === 'closed') return;
    setTimeout(() => endNow(Number(process.exitCode ?? 1)), GRACE_MS).unref();
  }

  #start(limit: number): void {
    this.begun = true;
    this.#deadline = performance.now() + limit;
    new Worker(WATCH, { eval: true, workerData: limit + CLOSING_MS + LOG_MS + TELL_MS + GRACE_MS }).unref();
  }

  /** @returns `closed`: everything, and the log has been written or can never be; `late`: not all of it in time */
  async #close(): Promise<'closed' | 'late' | 'blocked'> {
    const { pidFile } = this.#config;
    if (pidFile !== undefined) removePidFile(pidFile);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), this.#remaining(CLOSING_MS));
    });
    const isClosed = await Promise.race([this.#server.close(), late]);
    clearTimeout(timer);
    const isWritten = await this.#server.log.finish(this.#remaining(CLOSING_MS + LOG_MS));
    await this.#tellLost();
    if (!isWritten || isClosed === false) return 'blocked';
    return isClosed === undefined ? 'late' : 'closed';
  }

  /** The log cannot say what it has lost. Nobody may read standard error either, so that it is not waited for. */
  async #tellLost(): Promise<void> {
    const lost = Object.entries(this.#server.linesLost).filter(([, count]) => count > 0);
    if (lost.length === 0) return;
    const text = lost.map(([kind, count]) => `${kind} ${count}`).join(', ');
    const written = new Promise<void>((resolve) =>
      write(process.stderr.fd, `lightscore: lines of the log that were lost: ${text}\n`, () => resolve()),
    );
    const late = new Promise<void>((resolve) => setTimeout(resolve, TELL_MS).unref());
    await Promise.race([written, late]);
  }

  #remaining(extra: number): number {
    return Math.max(0, this.#deadline + extra - performance.now());
  }
}
