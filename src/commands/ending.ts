/** The end of the process: once, whoever asks for it, and in time, whatever hangs. */
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/config.js';
import type { Server } from '../server.js';
import { removePidFile } from './pid-file.js';

/** How long the log is waited for, at least, where draining has left less. */
const LOG_TIMEOUT_MS = 500;
/** How long a server that could not start may take to close. */
const FAILED_START_MS = 2000;
/** How long the process may take to end by itself once its time is over. */
const GRACE_MS = 500;
/** Code of a thread: it ends the process even where the main thread hangs in a write to a file or a pipe. */
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
      .then(() => this.#finishLog())
      .then((isWritten) => {
        if (isWritten) process.exit(this.#exitCode);
        // A thread is blocked on writing to a log that nobody reads, and `exit` would wait for it.
        process.kill(process.pid, 'SIGKILL');
      });
  }

  /** After a start that failed: closes everything, so that the process ends when the caller has said why. */
  async abandon(): Promise<void> {
    this.#start(Math.min(this.#config.http.drainTimeoutMs, FAILED_START_MS));
    await this.#server.close();
    await this.#finishLog();
  }

  #start(limit: number): void {
    this.begun = true;
    this.#deadline = performance.now() + limit;
    new Worker(WATCH, { eval: true, workerData: limit + LOG_TIMEOUT_MS + GRACE_MS }).unref();
  }

  #finishLog(): Promise<boolean> {
    const { pidFile } = this.#config;
    if (pidFile !== undefined) removePidFile(pidFile);
    const remaining = Math.max(LOG_TIMEOUT_MS, this.#deadline - performance.now());
    return this.#server.log.finish(remaining);
  }
}
