/** The server as the first process of a container, for which signals have no default. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { freePorts } from '../support/free-ports.js';
import { program, testWith } from '../support/needs.js';
import { projectRoot } from '../support/project.js';
import { CLI, MODELS } from '../support/server.js';

const DRAIN_TIMEOUT_MS = 2000;
const IN_TIME_MS = DRAIN_TIMEOUT_MS + 1000 + 1000;
/** Says on standard error when the program has its first answer to SIGTERM; Node's own cannot end a first process. */
const REPORT = `
const { on } = process;
process.on = function (name, listener) {
  const result = on.call(this, name, listener);
  if (name === 'SIGTERM') process._rawDebug('answers SIGTERM');
  return result;
};`;

const unshare = program(['unshare'], 'install util-linux');
const root = () => (process.getuid?.() === 0 ? undefined : 'a name space of processes takes root');

function start(t: TestContext, port: number): ChildProcess {
  const child = spawn(
    'unshare',
    [
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      process.execPath,
      '--import',
      `data:text/javascript,${encodeURIComponent(REPORT)}`,
      CLI,
      'serve',
    ],
    {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOST: '127.0.0.1',
        PORT: String(port),
        MODEL_DIR: MODELS,
        MODEL_VERSION: 'v1.0.0',
        WORKERS: '1',
        DRAIN_TIMEOUT_MS: String(DRAIN_TIMEOUT_MS),
      },
    },
  );
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** The first process in the name space, once it answers SIGTERM. */
async function answeringProcess({ pid, stderr }: ChildProcess): Promise<number> {
  if (pid === undefined || stderr === null) throw new Error('unshare did not start');
  for await (const line of createInterface(stderr)) if (line === 'answers SIGTERM') break;
  stderr.resume();
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
}

function scoreBatch(port: number, rows: number): Promise<number> {
  const features = readFileSync(`${MODELS}/v1.0.0/metadata.json`, 'utf8');
  const { feature_names: names } = JSON.parse(features) as { feature_names: readonly string[] };
  const body = JSON.stringify(Array.from({ length: rows }, () => ({ features: names.map(() => 0.5) })));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path: '/score_batch',
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
      },
      (incoming) => incoming.resume().on('end', () => resolve(incoming.statusCode ?? 0)),
    );
    outgoing.on('error', reject).end(body);
  });
}

testWith([unshare, root], 'the first process ends on a signal that comes while it starts', async (t) => {
  const child = start(t, 0);
  child.stdout?.resume();
  process.kill(await answeringProcess(child), 'SIGTERM');
  const before = performance.now();
  await once(child, 'exit');
  assert(performance.now() - before < IN_TIME_MS);
});

testWith([unshare, root], 'the first process ends although nobody reads its log any more', async (t) => {
  const [port] = await freePorts(1);
  const child = start(t, port);
  const answering = answeringProcess(child);
  let log = '';
  await new Promise<void>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes('"event":"ready"')) resolve();
    });
  });
  child.stdout?.pause();
  // More than a pipe holds, and what the stream here has asked for already.
  for (let i = 0; i < 4; i++) assert.equal(await scoreBatch(port, 2000), 200);
  process.kill(await answering, 'SIGTERM');
  const before = performance.now();
  await once(child, 'exit');
  assert(performance.now() - before < IN_TIME_MS, `ended after ${performance.now() - before} ms`);
});
