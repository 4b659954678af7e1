/** The command line's calls to a running server, its audit trail, and signatures. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { freePorts } from './support/free-ports.js';
import { ADMIN_KEY, startAdministered } from './support/administration.js';
import { runCli } from './support/cli-process.js';
import { ModelStore } from './support/model-store.js';

test('the admin commands do what the routes do, and say it in one line', async (t) => {
  const { server, served, store } = await startAdministered(t);
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(args, {
      env: { LIGHTSCORE_URL: server.url, LIGHTSCORE_ADMIN_KEY: ADMIN_KEY },
    });
    return code === 0 ? stdout : `${code}: ${stderr}`;
  };
  assert.match(await run('models'), /^VERSION +STATE +ROLE[^\n]*\nv1\.0\.0 +active +champion /);
  assert.equal(await run('models', 'load', 'v1.1.0'), 'v1.1.0 is warm: activate it to serve it\n');
  const started = await run('experiment', 'start', 'v1.1.0', '--share', '0.5', '--new');
  assert.equal(started, 'v1.1.0 answers 50% of the requests\n');
  const start = ['experiment', 'start', 'v1.1.0', '--share', '0.25'];
  assert.match(await run(...start, '--new'), /^1: lightscore: http:\S+: the challenger is v1\.1\.0, expected none/);
  assert.match(
    await run(...start, '--replaces', 'v9'),
    /the challenger is v1\.1\.0, expected v9: nothing was changed$/m,
  );
  assert.match(await run(...start, '--replaces', 'v9', '--new'), /^2: .*cannot be used with/);
  assert.equal(await run(...start, '--replaces', 'v1.1.0'), 'v1.1.0 answers 25% of the requests\n');
  assert.match(await run('experiment'), /^v1\.1\.0 against v1\.0\.0: ab, share 0\.25, since .* by key:tester\n$/);
  assert.match(await run('promote', '--version', 'v1.0.9'), /^1: .*: the challenger is v1\.1\.0, expected v1\.0\.9/);
  assert.equal(await run('promote', '--version', 'v1.1.0'), 'v1.1.0 is promoted and served\n');
  assert.equal(await run('experiment'), 'no experiment is running\n');
  assert.equal(
    await run('rollback'),
    'v1.0.0 is served again instead of v1.1.0, which stays warm until the next swap\n',
  );
  assert.match(await run('rollback'), /^1: lightscore: http:\S+: there is no previous version to go back to/);
  await store.copy('v1.1.0', 'v1.1.1');
  await store.point('v1.1.1');
  assert.equal(await run('reload'), 'v1.1.1 is served\n');
  assert.equal(await served(), 'v1.1.1');
  const listed: { champion: string } = JSON.parse(await run('models', '--json'));
  assert.equal(listed.champion, 'v1.1.1');
  assert.match(
    await run('models', 'delete', 'v1.1.1'),
    /^1: lightscore: http:\S+: v1\.1\.1 is serving: activate another version first\n$/,
  );
});

test('lightscore models takes a version with build metadata, whose + is encoded in the path', async (t) => {
  const { server, served } = await startAdministered(t, {}, async (store) => {
    await store.copy('v1.1.0', 'v1.1.0+build.7');
    await store.point('v1.0.0');
  });
  const env = { LIGHTSCORE_URL: server.url, LIGHTSCORE_ADMIN_KEY: ADMIN_KEY };
  const { stdout } = await runCli(['models', 'load', 'v1.1.0+build.7'], { env });
  assert.equal(stdout, 'v1.1.0+build.7 is warm: activate it to serve it\n');
  await runCli(['models', 'activate', 'v1.1.0+build.7'], { env });
  assert.equal(await served(), 'v1.1.0+build.7');
});

test('lightscore models says what failed, and what the store names although it was rolled back from', async (t) => {
  const { server, store } = await startAdministered(t);
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(args, {
      env: { LIGHTSCORE_URL: server.url, LIGHTSCORE_ADMIN_KEY: ADMIN_KEY },
    });
    return code === 0 ? stdout : `${code}: ${stderr}`;
  };
  await store.copy('v1.1.0', 'v1.1.1');
  await store.edit('v1.1.1', () => 'not a model');
  assert.match(await run('models', 'load', 'v1.1.1'), /^1: lightscore: http:\S+: .*lightgbm_model\.txt/);
  assert.match(await run('models'), /^v1\.1\.1 +failed\b.*\n(.*\n)*v1\.1\.1 failed: .*lightgbm_model\.txt/m);
  await store.point('v1.1.0');
  assert.equal(await run('reload'), 'v1.1.0 is served\n');
  await run('rollback');
  assert.match(await run('models'), /^the store names v1\.1\.0, which is ignored since the rollback$/m);
  await run('models', 'load', 'v1.1.0');
  assert.match(await run('models', 'activate', 'v1.1.0', '--allow-feature-change'), /^v1\.1\.0 is served/);
  assert.match(await run('models', 'delete', 'v9'), /^1: lightscore: http:\S+: .*v9/);
});

test('the admin commands name what is missing or wrong', async () => {
  const run = (args: string[], env: NodeJS.ProcessEnv) =>
    runCli(args, { env: { LIGHTSCORE_URL: '', LIGHTSCORE_ADMIN_KEY: '', ...env } });
  const none = await run(['models'], {});
  assert.deepEqual(
    [none.code, none.stderr],
    [2, "lightscore: LIGHTSCORE_ADMIN_KEY is not set: it must be one of the server's ADMIN_API_KEYS, without the id\n"],
  );
  const url = await run(['rollback'], { LIGHTSCORE_ADMIN_KEY: 'x', LIGHTSCORE_URL: 'not a url' });
  assert.deepEqual(
    [url.code, url.stderr],
    [2, 'lightscore: LIGHTSCORE_URL must be a URL such as http://localhost:8000, not "not a url"\n'],
  );
  const [port] = await freePorts(1);
  const free = `http://127.0.0.1:${port}`;
  const nobody = await run(['reload'], { LIGHTSCORE_ADMIN_KEY: 'x', LIGHTSCORE_URL: free });
  assert.equal(nobody.code, 1);
  assert.equal(nobody.stderr, `lightscore: no server answers at ${free} (set by LIGHTSCORE_URL): connection refused\n`);
  const flag = await run(['reload', '--url', free], { LIGHTSCORE_ADMIN_KEY: 'x' });
  assert.match(flag.stderr, /^lightscore: no server answers at http:\S+ \(set by --url\): connection refused\n$/);
  const misspelt = await run(['reload', '--url', 'localhost:8000'], { LIGHTSCORE_ADMIN_KEY: 'x' });
  assert.match(
    misspelt.stderr,
    /^lightscore: --url must be a URL such as http:\/\/localhost:8000, not "localhost:8000"\n$/,
  );
  assert.equal((await run(['experiment', 'start', 'v1'], { LIGHTSCORE_ADMIN_KEY: 'x' })).code, 2);
  assert.equal((await run(['experiment', 'start', 'v1', '--share', '2'], { LIGHTSCORE_ADMIN_KEY: 'x' })).code, 2);
  for (const args of [
    ['models', 'load', '..'],
    ['models', 'activate', 'v1/..'],
    ['models', 'delete', ''],
    ['experiment', 'start', '../v1', '--share', '1'],
    ['promote', '--version', ''],
  ]) {
    const refused = await run(args, { LIGHTSCORE_ADMIN_KEY: 'x' });
    assert.equal(refused.code, 2, args.join(' '));
    assert.match(refused.stderr, /It must be the name of a version, such as v1\.2\.0\.$/m);
  }
});

test('a key that the server does not take is named by its variable', async (t) => {
  const { server } = await startAdministered(t, { API_KEYS: 'app:a-key-for-scoring-only' });
  const run = (key: string) => runCli(['models'], { env: { LIGHTSCORE_URL: server.url, LIGHTSCORE_ADMIN_KEY: key } });
  for (const [key, message] of [
    [
      'not-a-key-of-this-server',
      /^lightscore: LIGHTSCORE_ADMIN_KEY is not accepted by http:\S+: it must be one of the/,
    ],
    [
      'a-key-for-scoring-only',
      /^lightscore: LIGHTSCORE_ADMIN_KEY is a key for scoring at http:\S+: it must be one of the/,
    ],
  ] as const) {
    const { code, stderr } = await run(key);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /X-API-Key|Bearer/);
  }
});

test('audit verify exits with 0 for an intact trail, and names the first broken entry', async (t) => {
  const store = await ModelStore.create();
  t.after(() => store.remove());
  const trail = store.path('audit.jsonl');
  const { server } = await startAdministered(t, { AUDIT_LOG: trail });
  await server.terminate();
  const whole = await runCli(['audit', 'verify', trail]);
  assert.equal(whole.code, 0, whole.stderr);
  const head = /^\S+: the chain of 4 entries is intact, .*; head ([0-9a-f]{64})\n$/.exec(whole.stdout)?.[1] ?? '';
  assert.equal((await runCli(['audit', 'verify', trail, '--head', head])).code, 0);
  await writeFile(trail, (await readFile(trail, 'utf8')).replace('"signed":false', '"signed":true'));
  const broken = await runCli(['audit', 'verify', trail]);
  assert.deepEqual(
    [broken.code, broken.stderr],
    [1, `lightscore: ${trail}: entry 2 is broken: its contents do not match its hash\n`],
  );
});

test('sign covers every file of a version, and refuses what it could not vouch for', async (t) => {
  const store = await ModelStore.create();
  t.after(() => store.remove());
  const key = store.path('key.pem');
  await writeFile(key, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const sign = (...args: string[]) => runCli(['sign', store.path('v1.0.0'), '--key', key, ...args]);
  const uncovered = await sign();
  assert.equal(uncovered.code, 1);
  assert.match(
    uncovered.stderr,
    /has no checksum in metadata\.json, so the signature would not cover it; --checksums writes one\n$/,
  );
  const signed = await sign('--checksums');
  assert.equal(signed.code, 0, signed.stderr);
  assert.match(signed.stdout, /v1\.0\.0: signed, with checksums of [^\n]*\n$/);
  await store.copy('v1.0.0', 'v9.9.9', (metadata) => ({ ...metadata, model_version: 'v1.0.0' }));
  const renamed = await runCli(['sign', store.path('v9.9.9'), '--key', key, '--checksums']);
  assert.match(renamed.stdout, /^Note: with MODEL_PUBLIC_KEY it is served only from a folder named v1\.0\.0, as it /m);
  assert.match(await readFile(store.path('v1.0.0', 'metadata.sig'), 'utf8'), /^[A-Za-z0-9+/]{86}==\n$/);
  await store.edit('v1.0.0', (text) => `${text}\n`);
  const changed = await sign();
  assert.match(changed.stderr, /lightgbm_model\.txt: has SHA-256 [0-9a-f]{64}, but metadata\.json says/);
  const wrongKey = await runCli(['sign', store.path('v1.0.0'), '--key', store.path('nowhere.pem')]);
  assert.equal(wrongKey.code, 2);
  assert.match(wrongKey.stderr, /nowhere\.pem/);
  const nowhere = await runCli(['sign', store.path('v9.9.8'), '--key', key]);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /^lightscore: \S+v9\.9\.8: cannot be read: ENOENT/);
});
