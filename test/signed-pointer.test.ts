/** A signed `current.json`: what it is, who writes it, and that a server takes none that is unsigned or older. */
import assert from 'node:assert/strict';
import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type TestContext, after, before, describe, test } from 'node:test';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { signVersion } from '../src/commands/sign.js';
import { ArtifactError } from '../src/errors.js';
import { FollowedPointers } from '../src/registry/followed-pointers.js';
import { parsePointer, signedPointer, verifyPointer } from '../src/store/pointer.js';
import { ADMIN_KEY, startAdministered } from './support/administration.js';
import { runCli } from './support/cli-process.js';
import { ModelStore } from './support/model-store.js';
import { S3_CREDENTIALS, type S3Server, startS3Server } from './support/s3-server.js';
import { type Environment, failingServer, startServer } from './support/server.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const PUBLIC_KEY = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const RULES: Environment = { MODEL_PUBLIC_KEY: PUBLIC_KEY, MODEL_REQUIRE_SIGNED_POINTER: '1' };
const FILE = 'store/current.json';

/** A pointer as docs/reference/artifacts.md describes it, written without the code under test. */
function pointer(version: string, counter: number, key: KeyObject = privateKey): string {
  const text = `lightscore current.json\nversion: ${version}\ncounter: ${counter}\n`;
  return JSON.stringify({ version, counter, signature: sign(null, Buffer.from(text), key).toString('base64') });
}

const parse = (text: string) => parsePointer(Buffer.from(text), FILE);

function writeKey(store: ModelStore): string {
  const file = store.path('signing.pem');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return file;
}

/** Signs both versions of a store, and points to v1.0.0 with the counter 10. */
async function signStore(store: ModelStore): Promise<void> {
  const keyFile = writeKey(store);
  for (const version of ['v1.0.0', 'v1.1.0']) await signVersion(store.path(version), { keyFile, writeChecksums: true });
  await writeFile(store.path('current.json'), pointer('v1.0.0', 10));
}

async function signedStore(t: TestContext): Promise<ModelStore> {
  const store = await ModelStore.create();
  t.after(() => store.remove());
  await signStore(store);
  return store;
}

describe('the signature of a pointer', () => {
  test('is over version and counter, as documented', () => {
    assert.deepEqual(verifyPointer(parse(pointer('v1.0.0', 7)), publicKey, FILE), { version: 'v1.0.0', counter: 7 });
    const written = signedPointer('v1.1.0', privateKey, undefined);
    const { counter } = verifyPointer(parse(written), publicKey, FILE);
    assert.equal(written, `${pointer('v1.1.0', counter)}\n`);
  });

  test('is refused over anything else', () => {
    const right = parse(pointer('v1.0.0', 7));
    const metadata = sign(null, Buffer.from('{"version":"v1.0.0","counter":7}'), privateKey).toString('base64');
    const wrong = [
      { ...right, version: 'v1.1.0' },
      { ...right, counter: 8 },
      { ...right, signature: '' },
      { ...right, signature: 'AAAA' },
      { ...right, signature: metadata },
      parse(pointer('v1.0.0', 7, other.privateKey)),
    ];
    for (const each of wrong)
      assert.throws(() => verifyPointer(each, publicKey, FILE), /store\/current\.json: its signature does not match/);
    for (const text of [
      '{"version":"v1.0.0"}',
      '{"version":"v1.0.0","counter":7}',
      '{"version":"v1.0.0","signature":"x"}',
    ])
      assert.throws(() => verifyPointer(parse(text), publicKey, FILE), /store\/current\.json: is not signed, but/);
  });

  test('has a counter of a whole number above 0', () => {
    for (const counter of ['0', '-1', '1.5', '"7"', '1e300', 'null', '9007199254740993'])
      assert.equal(parse(`{"version":"v1.0.0","counter":${counter}}`).counter, undefined, counter);
  });

  test('grows, whatever the clock says, and is not led by a pointer of somebody else', () => {
    const now = Date.now();
    const counterOf = (last: string) => parse(signedPointer('v1.0.0', privateKey, parse(last))).counter ?? 0;
    assert.equal(counterOf(pointer('v1.0.0', now + 1e9)), now + 1e9 + 1);
    assert.ok(counterOf(pointer('v1.0.0', 5)) >= now);
    assert.ok(counterOf(pointer('v1.0.0', now + 1e9, other.privateKey)) < now + 1e8);
  });
});

describe('the newest pointer that was followed', () => {
  test('is not taken back by an older one, nor by another one of the same counter', async () => {
    const followed = new FollowedPointers(undefined);
    await followed.follow({ version: 'v1.0.0', counter: 7 }, FILE);
    await followed.follow({ version: 'v1.0.0', counter: 7 }, FILE);
    await assert.rejects(
      followed.follow({ version: 'v1.1.0', counter: 6 }, FILE),
      new ArtifactError(FILE, 'its counter 6 is older than 7 (v1.0.0), the newest that this server has followed'),
    );
    await assert.rejects(
      followed.follow({ version: 'v1.1.0', counter: 7 }, FILE),
      new ArtifactError(FILE, 'its counter 7 is that of v1.0.0, which was followed'),
    );
    await followed.follow({ version: 'v0.9.0', counter: 8 }, FILE);
  });

  test('is kept in the state file, and nothing is followed that cannot be kept', async (t) => {
    const store = await ModelStore.create();
    t.after(() => store.remove());
    const state = store.path('pointer.json');
    await new FollowedPointers(state).follow({ version: 'v1.0.0', counter: 7 }, FILE);
    assert.equal(await readFile(state, 'utf8'), '{"version":"v1.0.0","counter":7}\n');
    const again = new FollowedPointers(state);
    await assert.rejects(again.follow({ version: 'v1.0.0', counter: 6 }, FILE), /is older than 7/);
    // A folder in the place of the file that is written first.
    await mkdir(`${state}.new`);
    await assert.rejects(again.follow({ version: 'v1.1.0', counter: 8 }, FILE), {
      code: 'OUTPUT_FAILED',
      message: /^MODEL_POINTER_STATE: .*pointer\.json: /,
    });
    await rm(`${state}.new`, { recursive: true });
    await again.follow({ version: 'v1.1.0', counter: 8 }, FILE);
    assert.match(readFileSync(state, 'utf8'), /"counter":8/);
    for (const text of ['', '{}', '[]', 'null', '{"version":"v1.0.0","counter":"7"}']) {
      await writeFile(state, text);
      assert.throws(
        () => new FollowedPointers(state),
        /^\w*Error: MODEL_POINTER_STATE: .*: is not the state of a server/,
      );
    }
  });
});

describe('with MODEL_REQUIRE_SIGNED_POINTER=1', () => {
  test('a server does not start on a pointer that is missing, unsigned or signed by somebody else', async (t) => {
    const store = await signedStore(t);
    const env = { ...RULES, MODEL_DIR: store.folder, MODEL_VERSION: undefined };
    const cases: [text: string | undefined, reason: RegExp][] = [
      ['{"version": "v1.0.0"}', /current\.json: is not signed, but MODEL_REQUIRE_SIGNED_POINTER requires a signature/],
      [pointer('v1.0.0', 11, other.privateKey), /current\.json: its signature does not match version "v1\.0\.0"/],
      [undefined, /current\.json: is missing, but MODEL_REQUIRE_SIGNED_POINTER requires one that is signed/],
    ];
    for (const [text, reason] of cases) {
      if (text === undefined) await rm(store.path('current.json'));
      else await writeFile(store.path('current.json'), text);
      const { code, stderr } = await failingServer(env);
      assert.equal(code, 1);
      assert.match(stderr, reason);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
      const checked = await runCli(['check', store.folder, '--model-require-signed-pointer'], {
        env: { MODEL_PUBLIC_KEY: PUBLIC_KEY },
      });
      assert.deepEqual([checked.code, checked.stderr], [1, stderr]);
    }
  });

  for (const acceptors of ['1', '2']) {
    test(`reload and SIGHUP follow newer pointers and refuse older ones, ACCEPTORS=${acceptors}`, async (t) => {
      const env = { ...RULES, ACCEPTORS: acceptors, WORKERS: acceptors };
      const { server, store, admin, served } = await startAdministered(t, env, signStore);
      const point = (text: string) => writeFile(store.path('current.json'), text);
      await point(pointer('v1.1.0', 11));
      assert.equal((await admin('POST', '/reload')).json['champion'], 'v1.1.0');
      // The owner's own pointer of before, put back by whoever can write to the store.
      await point(pointer('v1.0.0', 10));
      const refused = await admin('POST', '/reload');
      assert.equal(refused.status, 422);
      assert.match(refused.problem.detail, /its counter 10 is older than 11 \(v1\.1\.0\), the newest that this server/);
      server.signal('SIGHUP');
      assert.match((await server.event('reload_failed')).msg ?? '', /its counter 10 is older than 11/);
      await point('{"version": "v1.0.0"}');
      assert.match((await admin('POST', '/reload')).problem.detail, /is not signed/);
      assert.equal(await served(), 'v1.1.0');
      // A higher counter leads back to the older version, as its owner may want.
      await point(pointer('v1.0.0', 12));
      server.signal('SIGHUP');
      await server.log(({ event, outcome }) => event === 'reloaded' && outcome === 'activated');
      assert.equal(await served(), 'v1.0.0');
    });
  }

  test('polling follows newer pointers and refuses older ones', async (t) => {
    const env = { ...RULES, MODEL_POLL_SECONDS: '0.1' };
    const { server, store, served } = await startAdministered(t, env, signStore);
    const failed = (reason: RegExp) =>
      server.log(({ event, msg }) => event === 'poll_failed' && reason.test(msg ?? ''));
    await store.copy('v1.1.0', 'v9.9.9');
    await writeFile(store.path('current.json'), pointer('v1.1.0', 11));
    await server.log(({ event, version }) => event === 'model_active' && version === 'v1.1.0');
    await writeFile(store.path('current.json'), pointer('v1.0.0', 10));
    await failed(/its counter 10 is older than 11/);
    await rm(store.path('current.json'));
    await failed(/current\.json: is missing/);
    assert.equal(await served(), 'v1.1.0');
  });

  test('a restart forgets what was followed, but not with MODEL_POINTER_STATE', async (t) => {
    const store = await signedStore(t);
    const base = { ...RULES, MODEL_DIR: store.folder, MODEL_VERSION: undefined };
    const kept = { ...base, MODEL_POINTER_STATE: store.path('pointer.state') };
    await (await startServer(kept)).stop();
    await writeFile(store.path('current.json'), pointer('v1.0.0', 9));
    const forgetful = await startServer(base);
    await forgetful.stop();
    const { code, stderr } = await failingServer(kept);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^lightscore: .*current\.json: its counter 9 is older than 10 \(v1\.0\.0\), the newest that .*\n$/,
    );
    await writeFile(store.path('pointer.state'), 'x');
    const broken = await failingServer(kept);
    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /^lightscore: MODEL_POINTER_STATE: .*pointer\.state: is not the state of a server\n$/);
  });

  test('a copy of a signed version under another name is refused, also where a signed pointer names it', async (t) => {
    const { store, admin, served } = await startAdministered(t, RULES, signStore);
    await store.copy('v1.0.0', 'v9.9.9');
    for (const name of ['metadata.json', 'metadata.sig'])
      await writeFile(store.path('v9.9.9', name), await readFile(store.path('v1.0.0', name)));
    await writeFile(store.path('current.json'), pointer('v9.9.9', 11));
    for (const path of ['/reload', '/models/v9.9.9/load', '/models/v9.9.9/activate']) {
      const answer = await admin('POST', path);
      assert.equal(answer.status, 422, path);
      assert.match(
        answer.problem.detail,
        /v9\.9\.9\/metadata\.json: its signed model_version is "v1\.0\.0"; MODEL_PUBLIC/,
      );
    }
    assert.equal(await served(), 'v1.0.0');
  });
});

describe('writing pointers', () => {
  let bucket: S3Server;
  before(async () => {
    bucket = await startS3Server('fraud-models');
  });
  after(() => bucket.close());

  const pointerOf = async (prefix: string): Promise<string> => {
    const key = `${prefix}current.json`;
    const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: 'fraud-models', Key: key }));
    return (await Body?.transformToString()) ?? '';
  };

  test('lightscore point names a version in a folder, signed with --key', async (t) => {
    const store = await signedStore(t);
    const point = (...args: string[]) => runCli(['point', ...args, '--to', store.folder]);
    const plain = await point('v1.1.0');
    assert.equal(plain.stdout, `v1.1.0 is now the version to serve (${store.folder}/current.json)\n`, plain.stderr);
    assert.equal(await readFile(store.path('current.json'), 'utf8'), '{"version":"v1.1.0"}\n');
    const key = ['--key', store.path('signing.pem')];
    const signed = await point('v1.0.0', ...key);
    assert.equal(signed.stdout, `v1.0.0 is now the version to serve (${store.folder}/current.json, signed)\n`);
    const first = verifyPointer(parse(await readFile(store.path('current.json'), 'utf8')), publicKey, FILE);
    const again = await point('v1.0.0', ...key, '--json');
    assert.deepEqual(JSON.parse(again.stdout), { version: 'v1.0.0', to: store.folder, signed: true });
    const second = verifyPointer(parse(await readFile(store.path('current.json'), 'utf8')), publicKey, FILE);
    assert.ok(second.counter > first.counter);
    const env = { ...RULES, MODEL_DIR: store.folder, MODEL_VERSION: undefined };
    await (await startServer(env)).stop();
  });

  test('lightscore point refuses what no server could follow, and changes nothing', async (t) => {
    const store = await signedStore(t);
    await mkdir(store.path('v2.0.0'));
    const unchanged = await readFile(store.path('current.json'), 'utf8');
    const cases: [args: string[], code: number, reason: RegExp][] = [
      [
        ['v9.9.9'],
        1,
        /^lightscore: \S+\/v9\.9\.9: has no lightgbm_model\.txt, calibrator\.json or calibrator\.pkl and /,
      ],
      [['v2.0.0'], 1, /^lightscore: \S+\/v2\.0\.0: has no /],
      [['..'], 2, /It must be the name of a version/],
      [['v1.0.0', '--key', '/nowhere.pem'], 2, /the file of the private key cannot be read: "\/nowhere\.pem"/],
      [['v1.0.0', '--kms-key', 'k'], 2, /--kms-key needs --sse aws:kms/],
    ];
    for (const [args, code, reason] of cases) {
      const told = await runCli(['point', ...args, '--to', store.folder]);
      assert.equal(told.code, code, told.stderr);
      assert.match(told.stderr, reason);
    }
    assert.equal(await readFile(store.path('current.json'), 'utf8'), unchanged);
  });

  test('publish --activate --key and point --key sign the pointer of a bucket, which a server follows', async (t) => {
    const store = await signedStore(t);
    const key = ['--key', store.path('signing.pem')];
    const to = ['--to', 's3://fraud-models/live'];
    const run = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runCli([...args, ...to], {
        env: { AWS_ENDPOINT_URL_S3: bucket.endpoint },
      });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    await run('publish', store.path('v1.0.0'), '--activate', ...key);
    const old = await pointerOf('live/');
    const server = await startServer({
      ...RULES,
      ...S3_CREDENTIALS,
      AWS_ENDPOINT_URL_S3: bucket.endpoint,
      MODEL_DIR: undefined,
      MODEL_VERSION: undefined,
      MODEL_S3_BUCKET: 'fraud-models',
      MODEL_S3_PREFIX: 'live/',
      ADMIN_API_KEYS: `tester:${ADMIN_KEY}`,
    });
    t.after(() => server.stop());
    const reload = () => server.request('/admin/reload', { method: 'POST', headers: { 'X-API-Key': ADMIN_KEY } });
    const published = await run('publish', store.path('v1.1.0'), '--activate', ...key);
    assert.match(
      published,
      /^v1\.1\.0 is now the version to serve \(s3:\/\/fraud-models\/live\/current\.json, signed\)$/m,
    );
    assert.equal((await reload()).json['champion'], 'v1.1.0');
    assert.equal((await reload()).json['outcome'], 'unchanged');
    await bucket.put('live/current.json', old);
    const refused = await reload();
    assert.equal(refused.status, 422);
    assert.match(
      refused.problem.detail,
      /^s3:\/\/fraud-models\/live\/current\.json: its counter \d+ is older than \d+/,
    );
    await run('point', 'v1.0.0', ...key);
    assert.equal((await reload()).json['champion'], 'v1.0.0');
    await run('point', 'v1.1.0');
    assert.match((await reload()).problem.detail, /current\.json: is not signed/);
    const unused = await runCli(['publish', store.path('v1.0.0'), ...to, ...key]);
    assert.equal(unused.code, 2);
    assert.match(unused.stderr, /^lightscore: --key signs the current\.json of --activate; /);
  });
});
