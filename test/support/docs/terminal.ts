/** A terminal of its own for a command that stays in the foreground: script(1) makes it, Ctrl+C ends the command. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../../../src/errors.js';

/** Longer than a build and a start take on a busy machine. */
const READY_MS = 120_000;
const END_MS = 30_000;
const CTRL_C = '\u0003';

export interface TerminalOptions {
  /** The commands. */
  readonly file: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

export class Terminal {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  #printed = '';
  #ended = false;

  constructor({ file, folder, environment }: TerminalOptions) {
    const shell = `exec bash --noprofile --norc -eo pipefail '${file}'`;
    this.#process = spawn('script', ['--quiet', '--return', '--flush', '--command', shell, '/dev/null'], {
      cwd: folder,
      env: environment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdout.setEncoding('utf8').on('data', (chunk: string) => (this.#printed += chunk));
    this.#process.on('close', () => (this.#ended = true));
  }

  /** What stands on it. */
  get printed(): string {
    return this.#printed.replaceAll('\r\n', '\n');
  }

  /**
   * Waits until `check` does not throw for what was printed so far.
   * @throws what it threw last, where the command ends or is silent for too long
   */
  async until(check: (printed: string) => void): Promise<void> {
    const deadline = AbortSignal.timeout(READY_MS);
    for (;;) {
      try {
        return check(this.printed);
      } catch (error) {
        if (this.#ended || deadline.aborted) throw error;
        await this.#change(deadline);
      }
    }
  }

  /** Presses Ctrl+C. @throws Error where the command does not end with 0 then */
  async interrupt(): Promise<void> {
    if (!this.#ended) {
      const closed = once(this.#process, 'close', { signal: AbortSignal.timeout(END_MS) });
      this.#process.stdin.write(CTRL_C);
      try {
        await closed;
      } catch (error) {
        await this.kill();
        throw new Error(`the command does not end on Ctrl+C: ${messageOf(error)}\n${this.printed}`, { cause: error });
      }
    }
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== 0) throw new Error(`it ended with ${exitCode ?? signalCode} on Ctrl+C:\n${this.printed}`);
  }

  async kill(): Promise<void> {
    if (this.#ended) return;
    // Without its terminal, the command in it gets SIGHUP.
    const closed = once(this.#process, 'close');
    this.#process.kill('SIGKILL');
    await closed;
  }

  /** The next thing that happens: it prints, ends, or time is up. */
  async #change(deadline: AbortSignal): Promise<void> {
    const settled = new AbortController();
    const signal = AbortSignal.any([deadline, settled.signal]);
    const ignore = (): void => undefined;
    await Promise.race([
      once(this.#process.stdout, 'data', { signal }).catch(ignore),
      once(this.#process, 'close', { signal }).catch(ignore),
    ]);
    settled.abort();
  }
}
