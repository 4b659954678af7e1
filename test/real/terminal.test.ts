/** What `lightscore serve` shows on a terminal: a real pseudo terminal, from `script` of util-linux. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { program, testWith } from '../support/needs.js';
import { CLI, MODELS } from '../support/server.js';

const SCRIPT = program(['script'], 'apt-get install bsdutils');

/** A command on a terminal of its own. */
class Terminal {
  readonly #child;
  #shown = '';

  constructor(command: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn('script', ['--quiet', '--return', '--command', `exec ${command}`, '/dev/null'], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#shown += text.replaceAll('\r', '')));
  }

  /** All that is shown so far, once it matches. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#shown);
      if (match !== null) return match;
      await once(this.#child.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
    }
  }

  get shown(): string {
    return this.#shown;
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }
}

const ENV = { MODEL_DIR: MODELS, MODEL_VERSION: 'v1.0.0', HOST: '127.0.0.1', PORT: '0', DRAIN_TIMEOUT_MS: '200' };
const SERVE = `${process.execPath} ${CLI} serve`;

testWith([SCRIPT], 'a terminal shows a warning and three lines, then events as text; Ctrl+C ends it', async () => {
  const terminal = new Terminal(SERVE, ENV);
  const [greeting, url, pid] = await terminal.shows(
    /^Lightscore \S+ serves model v1\.0\.0 \(98 trees, 15 features\) on (\S+), process (\d+)\nTry: .*\nDocs: .*\n/m,
  );
  const before = terminal.shown.slice(0, terminal.shown.indexOf('Lightscore'));
  for (const line of before.split('\n').filter((each) => each !== '')) assert.match(line, /^Warning: \S/);
  assert.match(before, /^Warning: API_KEYS is not set: anyone who can reach this port can score$/m);
  assert.match(greeting, new RegExp(`\\nDocs: +${url}/docs +Reload: kill -HUP ${pid} +Stop: Ctrl\\+C\\n`));

  const [, command] = /^Try: +(curl .*)$/m.exec(greeting) ?? [];
  const answer: { readonly model_version: string } = JSON.parse(
    execFileSync('sh', ['-c', command], { encoding: 'utf8' }),
  );
  assert.equal(answer.model_version, 'v1.0.0');

  process.kill(Number(pid), 'SIGHUP');
  await terminal.shows(/^\d\d:\d\d:\d\d {2}received SIGHUP$/m);
  await terminal.shows(/^\d\d:\d\d:\d\d {2}.*v1\.0\.0.*$/m);
  terminal.type('\x03');
  assert.equal(await terminal.ended(), 0);
  assert.match(terminal.shown, /stopped: every accepted request was answered\n/);
  assert.doesNotMatch(terminal.shown, /[{]"level"|prediction/);
});

testWith([SCRIPT], 'where only standard output is piped, it is JSON, and nothing else is shown', async () => {
  const terminal = new Terminal(`sh -c '${SERVE} | cat'`, ENV);
  const [, pid] = await terminal.shows(/^\{.*"pid":(\d+),"event":"ready".*\}\n/m);
  process.kill(Number(pid), 'SIGTERM');
  assert.equal(await terminal.ended(), 0);
  for (const line of terminal.shown.trim().split('\n')) assert.equal(typeof JSON.parse(line), 'object', line);
});
