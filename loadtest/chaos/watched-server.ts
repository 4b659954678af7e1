/** A server to which things are done: its log and its disk are in reach, and what it answers and records is counted. */
import { execFileSync } from 'node:child_process';
import { closeSync, createReadStream, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Exit } from '../../test/support/server.js';
import { PipedServer } from '../../test/support/piped-server.js';
import { VersionedTraffic, type VersionedBody } from '../swap/versioned-traffic.js';

export const ADMIN_KEY = 'chaos-key-123456789';
/** What lies behind is refused in every file: log and trail are longer, and the trail's head is not. */
const FULL_BYTES = 1024;
const CONNECTIONS = 4;
const LOST = /lines of the log that were lost: (.*)$/m;

/** What has been answered and recorded, and how the process ended. */
export interface Account {
  readonly answers: number;
  readonly wrong: number;
  readonly dropped: number;
  /** Prediction lines in the log, and those that the server itself says it has lost. */
  readonly logged: number;
  readonly lost: number;
  /** Admin calls that were answered with 200. */
  readonly calls: number;
  /** Audit entries that waited for the disk when the end began. */
  readonly waiting: number;
  readonly exit: Exit;
  /** From SIGTERM to the end. */
  readonly milliseconds: number;
}

export interface WatchOptions {
  /** Of the audit trail, and of the log where that is a file. */
  readonly folder: string;
  readonly log: 'file' | 'pipe';
  readonly bodies: readonly VersionedBody[];
  readonly drainTimeoutMs: number;
}

export class WatchedServer {
  readonly #server: PipedServer;
  readonly #folder: string;
  readonly #pipe: Readable | undefined;
  readonly #traffic: VersionedTraffic;
  #piped = 0;
  #calls = 0;

  private constructor(server: PipedServer, { folder, bodies }: WatchOptions) {
    this.#server = server;
    this.#folder = folder;
    this.#traffic = new VersionedTraffic(server.port, bodies);
    this.#pipe = server.child.stdout ?? undefined;
    if (this.#pipe !== undefined)
      createInterface(this.#pipe).on('line', (line) => {
        if (isPrediction(line)) this.#piped++;
      });
  }

  /** Starts it, and traffic that goes on until `end`. */
  static async start(options: WatchOptions): Promise<WatchedServer> {
    const { folder, log, drainTimeoutMs } = options;
    const file = log === 'file' ? openSync(join(folder, 'log.jsonl'), 'a') : undefined;
    const server = await PipedServer.start(file ?? 'pipe', {
      AUDIT_LOG: join(folder, 'audit.jsonl'),
      ADMIN_API_KEYS: `chaos:${ADMIN_KEY}`,
      DRAIN_TIMEOUT_MS: String(drainTimeoutMs),
    });
    if (file !== undefined) closeSync(file);
    const watched = new WatchedServer(server, options);
    await server.ready();
    watched.#traffic.start(CONNECTIONS);
    return watched;
  }

  get answers(): number {
    return this.#traffic.answers;
  }

  metric(name: string, labels?: string): Promise<number> {
    return this.#server.metric(name, labels);
  }

  /** An admin call, which must be answered and recorded. */
  async call(): Promise<void> {
    const { status } = await this.#server.post('/admin/models/v1.0.0/load', {}, ADMIN_KEY);
    if (status === 200) this.#calls++;
  }

  /** As far as the process can tell, its disk is full. */
  fillDisk(): void {
    this.#limitFiles(String(FULL_BYTES));
  }

  freeDisk(): void {
    this.#limitFiles('unlimited');
  }

  stopReading(): void {
    this.#pipe?.pause();
  }

  readAgain(): void {
    this.#pipe?.resume();
  }

  closeReader(): void {
    this.#pipe?.destroy();
  }

  /** Ends the traffic and then the server. */
  async end(): Promise<Account> {
    const { answers, wrong, dropped } = await this.#traffic.stop();
    const waiting = await this.metric('lightscore_audit_waiting');
    const { code, signal, milliseconds } = await this.#server.terminate();
    // What the pipe still holds, and was not read in time.
    this.readAgain();
    if (this.#pipe !== undefined && !this.#pipe.destroyed)
      await new Promise((resolve) => this.#pipe?.once('end', resolve));
    await this.#server.stderrEnded;
    const lost = LOST.exec(this.#server.stderr)?.[1] ?? '';
    return {
      answers,
      wrong,
      dropped,
      logged: this.#pipe === undefined ? await this.#loggedInFile() : this.#piped,
      lost: Number(/prediction (\d+)/.exec(lost)?.[1] ?? 0),
      calls: this.#calls,
      waiting,
      exit: { code, signal },
      milliseconds,
    };
  }

  #limitFiles(limit: string): void {
    execFileSync('prlimit', ['--pid', String(this.#server.child.pid), `--fsize=${limit}:`]);
  }

  async #loggedInFile(): Promise<number> {
    let count = 0;
    const lines = createInterface(createReadStream(join(this.#folder, 'log.jsonl')));
    for await (const line of lines) if (isPrediction(line)) count++;
    return count;
  }
}

/** Whole lines only: one that was cut is not JSON. */
function isPrediction(line: string): boolean {
  if (!line.includes('"event":"prediction"')) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
