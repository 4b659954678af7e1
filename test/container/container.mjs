/**
 * A container without an engine: process 1 of its own mount, process, network, IPC and host name namespaces, in a tree
 * mounted read-only, as the image's user, with no capabilities and no way to get any.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Set up as root inside the new namespaces, then replaced by the image's own command: `exec` all the way, so that it
 * stays process 1.
 */
const SET_UP = `
  set -e
  mount --bind "$ROOT" "$ROOT"
  mount -t proc proc "$ROOT/proc"
  for volume in $VOLUMES; do
    mount --bind "\${volume%%:*}" "$ROOT\${volume#*:}"
    mount -o remount,ro,bind "$ROOT\${volume#*:}"
  done
  mount -o remount,ro,bind "$ROOT"
  ip link set lo up
  exec chroot "$ROOT" "$@"`;

function asUser({ user, env }, variables, command) {
  const [uid, gid] = user.split(':');
  const assignments = Object.entries({ ...env, ...variables }).map(([name, value]) => `${name}=${value}`);
  return [
    '/usr/bin/env',
    '-i',
    ...assignments,
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--no-new-privs',
    '--bounding-set=-all',
    '--inh-caps=-all',
    ...command,
  ];
}

function inWorkdir({ workdir }, command) {
  return ['/bin/sh', '-c', `cd ${workdir} && exec "$@"`, 'sh', ...command];
}

function finished(child) {
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => (output[stream] += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
}

export class Container {
  /** Parsed lines of standard output. */
  log = [];
  stderr = '';
  /** Resolves with `{code, signal}`. */
  exited;
  #child;
  #awaited = [];

  /**
   * @param image what build-image.mjs printed
   * @param options `env`: variables over the image's own; `volumes`: folders of this machine by their path inside;
   * `cmd`: instead of the image's CMD
   */
  constructor(image, { env = {}, volumes = {}, cmd = image.cmd } = {}) {
    this.image = image;
    this.env = env;
    for (const inside of Object.keys(volumes)) mkdirSync(join(image.root, inside), { recursive: true });
    const command = asUser(image, env, inWorkdir(image, [...image.entrypoint, ...cmd]));
    this.#child = spawn(
      'unshare',
      ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child', 'sh', '-c', SET_UP, 'sh', ...command],
      {
        env: {
          PATH: process.env.PATH,
          ROOT: image.root,
          VOLUMES: Object.entries(volumes)
            .map(([inside, outside]) => `${outside}:${inside}`)
            .join(' '),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line);
      this.log.push(entry);
      for (const { event, resolve } of this.#awaited) if (entry.event === event) resolve(entry);
    });
    // A failed check must not leave it running: --kill-child takes process 1 along.
    const abandon = () => this.#child.kill('SIGKILL');
    process.once('exit', abandon);
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        process.off('exit', abandon);
        resolve({ code, signal });
      });
    });
  }

  /** The first line of the log with this event. */
  logged(event) {
    const found = this.log.find((entry) => entry.event === event);
    if (found !== undefined) return Promise.resolve(found);
    return Promise.race([
      new Promise((resolve) => this.#awaited.push({ event, resolve })),
      this.exited.then(({ code }) => {
        throw new Error(`the container ended (${code}) before it logged ${event}: ${this.stderr}`);
      }),
    ]);
  }

  /** Process 1, by its number on this machine. */
  get pid() {
    const { pid } = this.#child;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
  }

  /** A field of /proc/PID/status of process 1. */
  status(field) {
    return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1];
  }

  signal(name) {
    process.kill(this.pid, name);
  }

  /** Like `docker exec`: runs a command in the container, as its user. */
  spawn(command, env = {}) {
    const enter = ['--target', String(this.pid), '--mount', '--pid', '--net', '--ipc', '--uts', '--root', '--wd'];
    return spawn(
      'nsenter',
      [...enter, ...asUser(this.image, { ...this.env, ...env }, inWorkdir(this.image, command))],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
  }

  /** @returns `{code, stdout, stderr}` of a command in the container */
  async exec(command, { input = '', env = {} } = {}) {
    const child = this.spawn(command, env);
    child.stdin.end(input);
    return await finished(child);
  }

  /** The health check of the image. */
  health() {
    return this.exec(this.image.healthcheck);
  }

  /** Runs a JavaScript module in the container, on its own Node. */
  script(source, options = {}) {
    return this.exec(['node', '--input-type=module', '-'], { ...options, input: source });
  }

  /** A program of this machine inside the container's network only. */
  beside(command, env = {}) {
    return spawn('nsenter', ['--target', String(this.pid), '--net', ...command], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  async kill() {
    this.signal('SIGKILL');
    await this.exited;
  }
}
