/** Which process takes signals, and who passes them on: the process id file, `kill`, npm. */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { ModelStore } from './support/model-store.js';
import { projectRoot } from './support/project.js';
import { type LogLine, MODELS, failingServer, startServer } from './support/server.js';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-signals-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('the process id file has the id that HUP reloads, and goes with the server', async (t) => {
  const file = join(temporaryFolder(t), 'lightscore.pid');
  const server = await startServer({ PID_FILE: file });
  t.after(() => server.stop());
  assert.equal(readFileSync(file, 'utf8'), `${server.pid}\n`);
  execFileSync('sh', ['-c', 'kill -HUP "$(cat "$0")"', file]);
  await server.event('reloaded');
  const ready = await server.event('ready');
  assert.deepEqual([ready['pid'], ready['model_version']], [server.pid, 'v1.0.0']);
  assert.equal((await server.terminate()).code, 0);
  assert.equal(existsSync(file), false);
});

test('HUP while a load is under way is followed by one more reload, however many there were', async (t) => {
  const store = await ModelStore.create();
  t.after(() => store.remove());
  await store.point('v1.0.0');
  const server = await startServer({ MODEL_DIR: store.folder, MODEL_VERSION: undefined });
  t.after(() => server.stop());
  await store.point('v1.1.0');
  for (let i = 1; i <= 3; i++) {
    let seen = 0;
    server.signal('SIGHUP');
    await server.log(({ event }) => event === 'signal' && ++seen === i);
  }
  let reloads = 0;
  await server.log(({ event }) => event === 'reloaded' && ++reloads === 2);
  assert.equal((await server.request('/healthz')).json['model_version'], 'v1.1.0');
  const events = server.logs.map(({ event }) => event);
  assert(!events.includes('reload_failed'));
  assert(events.includes('reload_waits'));
});

test('the file is there as soon as the port is open, before a model is', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'lightscore.pid');
  writeFileSync(file, 'of another server, which crashed\n');
  const server = await startServer(
    {
      PID_FILE: file,
      AWS_REGION: 'ca-central-1',
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      MODEL_S3_BUCKET: 'fraud-models',
      MODEL_DIR: undefined,
    },
    { until: 'listening' },
  );
  t.after(() => server.stop());
  await server.event('store_unreachable');
  assert.equal(readFileSync(file, 'utf8'), `${server.pid}\n`);
  assert.deepEqual(readdirSync(folder), ['lightscore.pid']);
});

test('a file that another server has written since is left alone', async (t) => {
  const file = join(temporaryFolder(t), 'lightscore.pid');
  const server = await startServer({ PID_FILE: file });
  t.after(() => server.stop());
  writeFileSync(file, '1\n');
  await server.terminate();
  assert.equal(readFileSync(file, 'utf8'), '1\n');
});

test('a file that named another running process is taken over, with a warning', async (t) => {
  const file = join(temporaryFolder(t), 'lightscore.pid');
  writeFileSync(file, `${process.pid}\n`);
  const server = await startServer({ PID_FILE: file });
  t.after(() => server.stop());
  assert.equal((await server.event('pid_file_replaced'))['pid'], process.pid);
  assert.equal(readFileSync(file, 'utf8'), `${server.pid}\n`);
  // What named no process, or one that has ended, was left behind.
  writeFileSync(file, 'none\n');
  const second = await startServer({ PID_FILE: file });
  t.after(() => second.stop());
  assert(!second.logs.some(({ event }) => event === 'pid_file_replaced'));
});

test('a process id file that cannot be written ends the start with one line', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'taken'));
  for (const [file, reason] of [
    [join(folder, 'nowhere/lightscore.pid'), /nowhere\/lightscore\.pid: the folder \S+ does not exist\n$/],
    [join(folder, 'taken'), /taken: is a folder\n$/],
    ['/proc/lightscore.pid', /^lightscore: --pid-file: \/proc\/lightscore\.pid: cannot be written: .*\n$/],
  ] as const) {
    const { code, stderr } = await failingServer({}, { flags: ['--pid-file', file] });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^lightscore: --pid-file: /);
    assert.match(stderr, reason);
  }
});

test('a start that fails after the port was opened leaves no file', async (t) => {
  const file = join(temporaryFolder(t), 'lightscore.pid');
  const { code } = await failingServer({ PID_FILE: file, MODEL_VERSION: 'v9.9.9' });
  assert.equal(code, 1);
  assert.equal(existsSync(file), false);
});

/** `npm start` with a process id file. */
class NpmStart {
  readonly npm: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(pidFile: string) {
    this.npm = spawn('npm', ['start', '--silent', '--', '--port', '0', '--host', '127.0.0.1', '--pid-file', pidFile], {
      cwd: projectRoot,
      env: {
        ...process.env,
        MODEL_DIR: MODELS,
        MODEL_VERSION: 'v1.0.0',
        DRAIN_TIMEOUT_MS: '200',
        NPM_CONFIG_UPDATE_NOTIFIER: 'false',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.npm.stdout })[Symbol.asyncIterator]();
  }

  /** The next event of that name. */
  async event(name: string): Promise<LogLine> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      assert(done !== true, `the server ended before ${name}`);
      const line: LogLine = JSON.parse(value);
      if (line.event === name) return line;
    }
  }

  /** Waits until npm and the server have closed the log. */
  async ended(): Promise<void> {
    while ((await this.#lines.next()).done !== true);
  }
}

test('under npm start, HUP to the id of the file reloads, and TERM to npm ends the server', async (t) => {
  const file = join(temporaryFolder(t), 'lightscore.pid');
  const started = new NpmStart(file);
  const { pid } = await started.event('ready');
  assert.equal(readFileSync(file, 'utf8'), `${String(pid)}\n`);
  assert.notEqual(pid, started.npm.pid);
  process.kill(Number(pid), 'SIGHUP');
  await started.event('reloaded');
  started.npm.kill('SIGTERM');
  assert.equal((await started.event('stopped'))['all_answered'], true);
  await started.ended();
  assert.equal(existsSync(file), false);
});

test('HUP to npm itself ends npm, and leaves the server behind as it was', async (t) => {
  const file = join(temporaryFolder(t), 'lightscore.pid');
  const started = new NpmStart(file);
  const { pid, url } = await started.event('ready');
  const ended = once(started.npm, 'exit');
  started.npm.kill('SIGHUP');
  await ended;
  const answer = await fetch(`${String(url)}/readyz`, { headers: { connection: 'close' } });
  assert.equal(answer.status, 200);
  process.kill(Number(pid), 'SIGTERM');
  // The next signal that the log has is this one: the server has seen no HUP.
  assert.equal((await started.event('signal'))['signal'], 'SIGTERM');
  await started.ended();
});
