/** A server whose standard output is what a test says: a full disk, a closed pipe, a reader that has stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { freePorts } from './free-ports.js';
import { projectRoot } from './project.js';
import { CLI, MODELS, type Environment, type Exit } from './server.js';

const START_MS = 60_000;

export class PipedServer {
  readonly child: ChildProcess;
  readonly port: number;
  readonly exited: Promise<Exit>;
  stderr = '';
  /** When all of standard error has been read. */
  readonly stderrEnded: Promise<void>;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.stderrEnded = new Promise((resolve) => child.stderr?.once('end', () => resolve()));
    this.exited = once(child, 'exit').then(([code, signal]: unknown[]) => ({ code, signal }) as Exit);
  }

  /** @param stdout a descriptor, or 'pipe' */
  static async start(stdout: number | 'pipe', env: Environment = {}): Promise<PipedServer> {
    const [port] = await freePorts(1);
    const child = spawn(process.execPath, [CLI, 'serve'], {
      cwd: projectRoot,
      stdio: ['ignore', stdout, 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOST: '127.0.0.1',
        PORT: String(port),
        MODEL_DIR: MODELS,
        MODEL_VERSION: 'v1.0.0',
        WORKERS: '1',
        REQUEST_TIMEOUT_MS: '20000',
        DRAIN_TIMEOUT_MS: '2000',
        ...env,
      },
    });
    return new PipedServer(child, port);
  }

  /** Resolves when it can score: the log that says so may be nobody's. */
  async ready(): Promise<void> {
    const until = performance.now() + START_MS;
    while ((await this.get('/readyz').catch(() => undefined))?.status !== 200)
      if (performance.now() > until || this.child.exitCode !== null)
        throw new Error(`it did not start: ${this.stderr}`);
  }

  get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    return this.#send('GET', path);
  }

  post(path: string, body: unknown, key = ''): Promise<{ readonly status: number; readonly text: string }> {
    return this.#send('POST', path, JSON.stringify(body), key);
  }

  /** As `ServerProcess.metric`. */
  async metric(name: string, labels = ''): Promise<number> {
    const { text } = await this.get('/metrics');
    const start = `${name}${labels} `;
    const line = text.split('\n').find((candidate) => candidate.startsWith(start));
    return line === undefined ? NaN : Number(line.slice(start.length));
  }

  /** @returns how it ended, and after how many milliseconds */
  async terminate(): Promise<Exit & { readonly milliseconds: number }> {
    const before = performance.now();
    this.child.kill('SIGTERM');
    const exit = await this.exited;
    return { ...exit, milliseconds: performance.now() - before };
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  #send(method: string, path: string, body?: string, key = ''): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: this.port,
          method,
          path,
          agent: false,
          headers: {
            ...(body !== undefined && {
              'Content-Type': 'application/json',
              'Content-Length': String(Buffer.byteLength(body)),
            }),
            ...(key !== '' && { 'X-API-Key': key }),
          },
        },
        (incoming) => {
          let text = '';
          incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          incoming.on('error', reject).on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
        },
      );
      outgoing.on('error', reject).end(body);
    });
  }
}
