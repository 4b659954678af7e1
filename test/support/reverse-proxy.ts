/** Runs nginx, HAProxy and Envoy with the files of deploy/proxies: only ports are changed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.js';
import { findProgram } from './needs.js';
import { projectRoot } from './project.js';

export type ProxyName = 'nginx' | 'haproxy' | 'envoy';

const CONFIGURATIONS: Readonly<Record<ProxyName, string>> = {
  nginx: 'nginx.conf',
  haproxy: 'haproxy.cfg',
  envoy: 'envoy.yaml',
};
const START_MS = 30_000;

/** The file of deploy/proxies with other ports: 8080 is where it listens, 8000 and 8001 are the servers. */
export function documented(proxy: ProxyName, ports: Readonly<Record<number, number>>): string {
  let text = readFileSync(join(projectRoot, 'deploy/proxies', CONFIGURATIONS[proxy]), 'utf8');
  for (const [from, to] of Object.entries(ports)) {
    const port = new RegExp(`(listen |:|port_value: )${from}\\b`);
    if (!port.test(text)) throw new Error(`${CONFIGURATIONS[proxy]} names no port ${from}`);
    text = text.replace(new RegExp(port, 'g'), `$1${to}`);
  }
  return text;
}

/** What nginx needs around a file of conf.d to run beside the system's own, as any user. */
function nginxMain(folder: string, site: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(folder, kind)};`,
  );
  // Its workers are another user where it is started by root, and could not write below `folder`.
  const user = process.getuid?.() === 0 ? 'user root; ' : '';
  return `${user}daemon off; worker_processes 1; pid ${join(folder, 'pid')}; error_log stderr;
events { worker_connections 1024; }
http { access_log off; ${temporary.join(' ')} include ${site}; }
`;
}

/** A second file of HAProxy: where it says how its servers are. */
const haproxyStatus = (port: number): string =>
  `frontend status\n  mode http\n  timeout client 5s\n  bind 127.0.0.1:${port}\n  stats enable\n  stats uri /\n`;

export interface ProxyOptions {
  /** Another configuration than the documented one: %LISTEN% and %SERVER% stand for the ports. */
  readonly site?: string;
  /** Whether a server must be reached, or any answer will do. */
  readonly until?: 'serving' | 'listening';
}

export class ReverseProxy {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly port: number;
  readonly #statusPort: number;
  #output = '';

  private constructor({ command, folder, port, statusPort }: Prepared) {
    this.port = port;
    this.#folder = folder;
    this.#statusPort = statusPort;
    const [program, ...args] = command;
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const collect = (text: Buffer): void => void (this.#output = `${this.#output}${text.toString()}`.slice(-4000));
    this.#child.stdout?.on('data', collect);
    this.#child.stderr?.on('data', collect);
  }

  /**
   * Starts it in front of the servers on `ports` (where there is one, it is both of the file), and waits until a server
   * answers through it.
   */
  static async start(
    name: ProxyName,
    ports: readonly number[],
    { site, until = 'serving' }: ProxyOptions = {},
  ): Promise<ReverseProxy> {
    const proxy = new ReverseProxy(await prepare(name, ports, site));
    try {
      await proxy.#answers(until);
    } catch (error) {
      await proxy.stop();
      throw error;
    }
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What HAProxy's or Envoy's status page says. */
  async status(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#statusPort}${path}`)).text();
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      const killer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(killer);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #answers(until: 'serving' | 'listening'): Promise<void> {
    const end = Date.now() + START_MS;
    for (;;) {
      const status = await probe(this.port);
      if (status === 200 || (status !== undefined && until === 'listening')) return;
      if (this.#child.exitCode !== null || Date.now() > end)
        throw new Error(`the proxy did not come to answer: ${this.#output}`);
    }
  }
}

interface Prepared {
  readonly command: readonly [string, ...string[]];
  readonly folder: string;
  readonly port: number;
  readonly statusPort: number;
}

async function prepare(name: ProxyName, [first, second = first]: readonly number[], site?: string): Promise<Prepared> {
  const folder = mkdtempSync(join(tmpdir(), `lightscore-${name}-`));
  const [port, statusPort] = await freePorts(2);
  const write = (file: string, text: string): string => {
    writeFileSync(join(folder, file), text);
    return join(folder, file);
  };
  const own = site?.replace('%LISTEN%', String(port)).replace('%SERVER%', String(first));
  const ports = { 8080: port, 8000: first, 8001: second, ...(name === 'envoy' && { 9901: statusPort }) };
  const file = write(CONFIGURATIONS[name], own ?? documented(name, ports));
  const common = { folder, port, statusPort };
  if (name === 'haproxy') {
    return { ...common, command: ['haproxy', '-db', '-f', file, '-f', write('status.cfg', haproxyStatus(statusPort))] };
  }
  if (name === 'envoy') {
    return { ...common, command: ['envoy', '-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'] };
  }
  const main = write('main.conf', nginxMain(folder, file));
  return { ...common, command: [nginxProgram(), '-p', folder, '-c', main, '-e', 'stderr'] };
}

/** Debian has it where only root looks. */
export function nginxProgram(): string {
  return findProgram('nginx') ?? '/usr/sbin/nginx';
}

/** The status of `/livez`, or undefined while nothing listens. */
function probe(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    request({ host: '127.0.0.1', port, path: '/livez', agent: false }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    })
      .on('error', () => setTimeout(() => resolve(undefined), 50))
      .end();
  });
}
