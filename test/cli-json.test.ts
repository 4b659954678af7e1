/** --json: one object on standard output, with `error` exactly where the exit code is not 0. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT_CODES } from '../src/errors.js';
import { startAdministered, ADMIN_KEY } from './support/administration.js';
import { runCli } from './support/cli-process.js';
import { MODELS } from './support/server.js';

const VERSION = join(MODELS, 'v1.0.0');

interface Printed {
  readonly code: number | null;
  readonly stderr: string;
  readonly json: Readonly<Record<string, unknown>> & {
    readonly error?: { readonly code: string; readonly message: string };
  };
}

async function runJson(args: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Promise<Printed> {
  const { code, stdout, stderr } = await runCli([...args, '--json'], { env, input });
  const json: Printed['json'] = JSON.parse(stdout);
  assert.equal(json.error === undefined, code === 0, `${args.join(' ')}: ${stdout}${stderr}`);
  if (json.error !== undefined) {
    assert.match(json.error.code, /^[A-Z_]+$/);
    assert(stderr.includes(json.error.message.split('\n')[0]), stderr);
  }
  return { code, stderr, json };
}

test('check, inspect and score print their results', async () => {
  const checked = (await runJson(['check', VERSION])).json;
  assert.deepEqual([checked['version'], checked['served'], checked['warnings']], ['v1.0.0', true, []]);
  assert.equal((await runJson(['inspect', VERSION])).json['served'], true);
  const row = JSON.stringify([Array.from({ length: 15 }, () => 0)]);
  const { json } = await runJson(['score', '--model', VERSION, '--rows', '-', '--raw'], {}, row);
  assert.deepEqual([json['kind'], json['rows']], ['raw', 1]);
  const bare = await runCli(['score', '--model', VERSION, '--rows', '-', '--raw'], { input: row });
  assert.deepEqual(json['scores'], JSON.parse(bare.stdout));
});

test('data prints the data set', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-json-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { json } = await runJson(['data', '--rows', '1000', '--out', join(folder, 'data')]);
  assert.deepEqual([json['rows'], json['seed']], [1000, 42]);
});

test('what fails prints the error, with its code', async () => {
  for (const [args, code, exit] of [
    [['check', '/nowhere'], 'STORE_UNREACHABLE', 1],
    [['inspect', '/nowhere'], 'ARTIFACT_INVALID', 1],
    [['score', '--model', VERSION, '--rows', '/nowhere'], 'DATA_INVALID', 1],
    [['train', '--data', '/nowhere', '--version', 'v1', '--out', 's3://bucket/models'], 'USAGE', 2],
    [['publish', VERSION, '--to', '/nowhere'], 'USAGE', 2],
    [['sign', VERSION, '--key', '/nowhere.pem'], 'CONFIG_INVALID', 2],
    [['audit', 'verify', '/nowhere'], 'CONFIG_INVALID', 2],
    [['models'], 'CONFIG_INVALID', 2],
    [['reload', '--url', 'http://127.0.0.1:9'], 'CONFIG_INVALID', 2],
  ] as const) {
    const printed = await runJson(args, { LIGHTSCORE_ADMIN_KEY: '', LIGHTSCORE_URL: '' });
    assert.deepEqual([printed.json.error?.code, printed.code], [code, exit], args.join(' '));
  }
});

test('the admin commands print what the server answers', async (t) => {
  const { server } = await startAdministered(t);
  const env = { LIGHTSCORE_ADMIN_KEY: ADMIN_KEY, LIGHTSCORE_URL: 'http://127.0.0.1:9' };
  const run = async (...args: string[]): Promise<Printed['json']> =>
    (await runJson([...args, '--url', server.url], env)).json;
  assert.equal((await run('models'))['champion'], 'v1.0.0');
  const { outcome, version, detail } = await run('models', 'load', 'v1.1.0');
  const expected = ['loaded', 'v1.1.0', 'v1.1.0 is warm: activate it to serve it'];
  assert.deepEqual([outcome, version, detail], expected);
  assert.equal((await run('experiment'))['experiment'], null);
  assert.equal((await run('rollback')).error?.code, 'SERVER_REFUSED');
  assert.equal((await run('reload'))['version'], 'v1.0.0');
});

test('every command whose output can be parsed has --json, and examples in its help', async () => {
  const plain = ['score', 'inspect', 'verify', 'check', 'data', 'train', 'publish', 'sign', 'reload', 'rollback'];
  const models = ['models list', 'models load', 'models activate', 'models delete'];
  const others = ['promote', 'experiment show', 'experiment start', 'experiment abort', 'audit verify'];
  for (const command of [...plain, ...models, ...others]) {
    const { code, stdout } = await runCli([...command.split(' '), '--help']);
    assert.equal(code, 0, command);
    assert.match(stdout, /^ +--json +print one JSON object/m, command);
    assert.match(stdout, /^ +\$ (echo|lightscore) /m, command);
  }
  assert.match((await runCli(['serve', '--help'])).stdout, /^ +\$ lightscore serve --model-dir/m);
});

test('the help of lightscore lists the exit codes', async () => {
  const { stdout } = await runCli(['--help']);
  for (const [code, what] of Object.entries(EXIT_CODES)) assert.match(stdout, new RegExp(`^  ${code}  ${what}$`, 'm'));
});
