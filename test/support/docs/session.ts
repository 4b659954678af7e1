/**
 * Runs the commands of one page as its reader would: in one shell, block by block, with servers in the background or in
 * a terminal of their own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { freePorts } from '../free-ports.js';
import { compareOutput } from './outputs.js';
import type { CommandBlock, FileBlock } from './pages.js';
import { Terminal } from './terminal.js';

/** Longer than `npm ci` and a build take on a busy machine. */
const BLOCK_MS = 240_000;
/** The home folder of the reader, as pages write it. */
const HOME = '/home/you';
/** A port of a page, where one can stand: 8000 to 8009. */
const PAGE_PORT = /(?<=:|--port[ =]|PORT=)800\d\b/g;
const FIRST_PAGE_PORT = 8000;
const PAGE_PORTS = 10;
/** The exit code of a command in the background that was ended by SIGTERM and has no handler for it. */
const TERMINATED = 128 + 15;

/** What the session reads of each background command at its end: none may have failed. */
const END_OF_JOBS = `
for job in $(jobs -p); do kill -TERM "$job" 2>/dev/null || true; done
for job in $(jobs -p); do
  code=0; wait "$job" || code=$?
  if [ $code != 0 ] && [ $code != ${TERMINATED} ]; then echo "a background command ended with exit code $code"; fi
done
`;

export interface SessionOptions {
  /** The reader's home, which is empty. */
  readonly home: string;
  /** Where the page starts. */
  readonly folder: string;
  /** Everything that the shell finds in its environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export class Session {
  readonly #shell: ChildProcess;
  readonly #input: Writable;
  readonly #messages: AsyncIterator<string>;
  readonly #complaints: Promise<string>;
  readonly #home: string;
  readonly #folder: string;
  readonly #files: string;
  readonly #ports: readonly number[];
  #terminal: Terminal | undefined;
  #blocks = 0;

  /** @param ports those that stand for 8000 and the following ones */
  private constructor({ home, folder, environment }: SessionOptions, ports: readonly number[]) {
    this.#home = home;
    this.#folder = folder;
    this.#ports = ports;
    this.#files = join(home, '.blocks');
    mkdirSync(this.#files, { recursive: true });
    const address = { PORT: String(ports[0]), LIGHTSCORE_URL: `http://localhost:${ports[0]}` };
    this.#shell = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-s'], {
      cwd: folder,
      env: { ...environment, ...address, HOME: home },
      // A process group of its own, so that nothing of it can be left behind.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    });
    this.#input = this.#shell.stdio[0] as Writable;
    // A shell that has ended takes no more commands; its end is noticed where the next message is awaited.
    this.#input.on('error', () => undefined);
    this.#complaints = text(this.#shell.stderr as Readable);
    this.#messages = createInterface({ input: this.#shell.stdio[3] as Readable })[Symbol.asyncIterator]();
  }

  static async start(options: SessionOptions): Promise<Session> {
    return new Session(options, await freePorts(PAGE_PORTS));
  }

  save({ file, text: content }: FileBlock): void {
    const path = join(this.#folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }

  /**
   * Runs a block to its end, or until what its page shows is on its terminal.
   * @throws Error that names the block, where a command fails or prints something else than the page shows
   */
  async run(block: CommandBlock): Promise<void> {
    const where = `${block.page}:${block.line}`;
    const file = join(this.#files, `${this.#blocks++}.sh`);
    writeFileSync(
      file,
      block.commands.replace(PAGE_PORT, (port) => String(this.#ports[Number(port) % 10])),
    );
    if (block.foreground) return this.#openTerminal(block, file, where);
    const output = `${file}.out`;
    // Nothing that runs in the background holds the channel open.
    await this.#execute(`. '${file}' </dev/null >'${output}' 2>&1 3>&-`, where, output);
    if (block.output !== undefined) compareOutput(block.output, this.#asOnPage(readFileSync(output, 'utf8')), where);
  }

  /**
   * Ends what is in the background and in the terminal as its user would.
   * @throws Error where something ended with a failure, or is still running
   */
  async end(where: string): Promise<void> {
    await this.#closeTerminal();
    const [file, output] = [join(this.#files, 'end.sh'), join(this.#files, 'end.out')];
    writeFileSync(file, END_OF_JOBS);
    await this.#execute(`. '${file}' >'${output}' 2>&1 3>&-`, where, output);
    const failures = readFileSync(output, 'utf8');
    const exited = once(this.#shell, 'exit');
    this.#input.end();
    await exited;
    const left = this.#survivors();
    if (failures !== '' || left.length > 0)
      throw new Error(`${where}: ${failures}${left.map((name) => `${name} is still running`).join(', ')}`);
  }

  /** Kills whatever is left, for a page that failed. */
  async abandon(): Promise<void> {
    await this.#terminal?.kill();
    try {
      process.kill(-(this.#shell.pid ?? 0), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Has the shell run one line, and waits for it. */
  async #execute(line: string, where: string, output: string): Promise<void> {
    let overdue = false;
    const timer = setTimeout(() => {
      overdue = true;
      void this.abandon();
    }, BLOCK_MS);
    this.#input.write(`${line}\necho done >&3\n`);
    const { done } = await this.#messages.next();
    clearTimeout(timer);
    if (done !== true) return;
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) await once(this.#shell, 'exit');
    const reason = overdue ? `did not end within ${BLOCK_MS / 1000} s` : `failed with ${this.#shell.exitCode}`;
    const shown = this.#asOnPage(existsSync(output) ? readFileSync(output, 'utf8') : '');
    const printed = `${shown}${await this.#complaints}`;
    throw new Error(`${where}: a command ${reason}, having printed:\n${printed}`);
  }

  /** What is printed, as a page would show it. */
  #asOnPage(printed: string): string {
    const named = printed.replaceAll(this.#home, HOME);
    return this.#ports.reduce(
      (result, port, i) => result.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), String(FIRST_PAGE_PORT + i)),
      named,
    );
  }

  async #openTerminal(block: CommandBlock, file: string, where: string): Promise<void> {
    await this.#closeTerminal();
    const state = `${file}.state`;
    await this.#execute(`{ pwd; env -0; } >'${state}' 3>&-`, where, state);
    const [, folder, variables] = /^(.*)\n([^]*)$/.exec(readFileSync(state, 'utf8')) ?? [];
    const environment = Object.fromEntries(
      variables.split('\0').flatMap((entry) => {
        const [name, value] = entry.split(/=([^]*)/, 2);
        return value === undefined ? [] : [[name, value]];
      }),
    );
    this.#terminal = new Terminal({ file, folder, environment });
    const { output } = block;
    if (output === undefined) throw new Error(`${where}: what shows that it is ready must stand below`);
    await this.#terminal.until((printed) => compareOutput(output, this.#asOnPage(printed), where));
  }

  async #closeTerminal(): Promise<void> {
    const terminal = this.#terminal;
    this.#terminal = undefined;
    await terminal?.interrupt();
  }

  /** The command lines of the processes that the shell has left behind. */
  #survivors(): readonly string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const [, state, , group] = /\) (\S) (\d+) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
          if (Number(group) !== this.#shell.pid || state === 'Z') return [];
          return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
        } catch {
          // It has ended in the meantime.
          return [];
        }
      });
  }
}
