/** Candidates for a swap that are refused while the server serves on. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type VersionedBody, VersionedTraffic, scoresOf } from '../loadtest/swap/versioned-traffic.js';
import { signVersion } from '../src/commands/sign.js';
import { ADMIN_KEY, type AdministeredServer, startAdministered } from './support/administration.js';
import { readGolden } from './support/golden.js';
import type { ModelStore } from './support/model-store.js';
import { projectRoot } from './support/project.js';
import { S3_CREDENTIALS, startFaultyServer, startS3Server } from './support/s3-server.js';
import { MODELS, startServer } from './support/server.js';

const bodies = readGolden()
  .rows.slice(0, 100)
  .map((features, i) => JSON.stringify({ features, request_id: `r${i}` }));

/** Runs `work` under traffic, all of which v1.0.0 must answer. */
async function underLoad({ server }: Pick<AdministeredServer, 'server'>, work: () => Promise<void>): Promise<void> {
  const scores = await scoresOf(server.url, bodies, 'v1.0.0');
  const traffic = new VersionedTraffic(
    server.port,
    bodies.map((body, i): VersionedBody => ({ body, scores: new Map([['v1.0.0', scores[i]]]) })),
  );
  traffic.start(2);
  const result = work().then(
    () => traffic.stop(),
    async (error: unknown) => {
      await traffic.stop();
      throw error;
    },
  );
  const { wrong, complaints, dropped } = await result;
  assert.deepEqual({ wrong, complaints, dropped }, { wrong: 0, complaints: [], dropped: 0 });
}

async function checksums(store: ModelStore, version: string): Promise<void> {
  const path = store.path(version, 'metadata.json');
  const sums = await Promise.all(
    ['lightgbm_model.txt', 'calibrator.pkl'].map(async (name) => [
      name,
      createHash('sha256')
        .update(await readFile(store.path(version, name)))
        .digest('hex'),
    ]),
  );
  await writeFile(
    path,
    JSON.stringify({
      ...(JSON.parse(await readFile(path, 'utf8')) as object),
      checksums: Object.fromEntries(sums) as object,
    }),
  );
}

/**
 * One bit in every leaf value of the first tree: the text is as well-formed as before, and only another opinion finds
 * it.
 */
async function flipBits(store: ModelStore, version: string): Promise<void> {
  await store.edit(version, (text) =>
    text.replace(/^leaf_value=.*$/m, (line) =>
      line.replaceAll(/(\.\d{4})(\d)/g, (_, start: string, digit: string) => `${start}${Number(digit) ^ 1}`),
    ),
  );
}

async function selfCheck(store: ModelStore, version: string, change: (scores: number[]) => unknown): Promise<void> {
  const { feature_names: names, rows, raw_score: scores } = readGolden();
  await writeFile(
    store.path(version, 'self_check.json'),
    JSON.stringify({
      lightgbm_version: '4.1.0',
      feature_names: names,
      rows: rows.slice(0, 50),
      raw_score: change(scores.slice(0, 50)),
    }),
  );
}

const CANDIDATES: Readonly<
  Record<
    string,
    {
      readonly make: (store: ModelStore, version: string) => Promise<void>;
      readonly reason: RegExp;
      readonly status?: number;
    }
  >
> = {
  'a truncated text': {
    make: (store, version) => store.edit(version, (text) => text.slice(0, text.length / 2)),
    reason: /lightgbm_model\.txt: /,
  },
  'a text without its last tree': {
    make: (store, version) => store.edit(version, (text) => text.replace(/Tree=97\n[^]*?\n\n\n/, '')),
    reason: /lightgbm_model\.txt: /,
  },
  'a flipped bit where there are checksums': {
    make: async (store, version) => {
      await checksums(store, version);
      await flipBits(store, version);
    },
    reason: /lightgbm_model\.txt: has SHA-256 [0-9a-f]{64}, but metadata\.json says/,
  },
  'a flipped bit where there is a self-check of the trainer': {
    make: async (store, version) => {
      await selfCheck(store, version, (scores) => scores);
      await flipBits(store, version);
    },
    reason: /self-check: the kernel scores row \d+ as .*, the trainer's LightGBM 4\.1\.0 \(self_check\.json\) as/,
  },
  'a self-check of other features': {
    make: async (store, version) => {
      await store.rename('v1.0.0', version, (name) => (name === 'age' ? 'years' : name));
      await selfCheck(store, version, (scores) => scores);
    },
    reason: /self_check\.json: feature_names differ from those of the model/,
  },
  'a self-check without scores': {
    make: (store, version) => selfCheck(store, version, () => null),
    reason: /self_check\.json: rows and raw_score must be lists of the same length/,
  },
  'a pickle with code in it': {
    make: async (store, version) =>
      writeFile(
        store.path(version, 'calibrator.pkl'),
        Buffer.from('\x80\x02cos\nsystem\nU\x20touch /tmp/lightscore-was-here  \x85R.', 'latin1'),
      ),
    reason: /calibrator\.pkl: .*os\.system/,
  },
  'another feature count': {
    make: (store, version) => store.copy('v1.0.0', version, (metadata) => ({ ...metadata, feature_names: ['age'] })),
    reason: /feature_names has 1 names, but the model has 15 features/,
  },
  'no metadata yet': {
    make: (store, version) => rm(store.path(version, 'metadata.json')),
    reason: /metadata\.json: is missing, so the version is incomplete/,
  },
  'no model': {
    make: (store, version) => rm(store.path(version, 'lightgbm_model.txt')),
    reason: /lightgbm_model\.txt: is missing/,
  },
  'metadata cut short': {
    make: async (store, version) =>
      writeFile(
        store.path(version, 'metadata.json'),
        (await readFile(store.path(version, 'metadata.json'))).subarray(0, 100),
      ),
    reason: /metadata\.json: is not JSON/,
  },
  'no such folder': {
    make: (store, version) => rm(store.path(version), { recursive: true }),
    reason: /there is no version/,
    status: 404,
  },
};

test('bad candidates are refused under load; answer, log, list and a metric have the reason', async (t) => {
  const administered = await startAdministered(t);
  const { server, store, admin, served } = administered;
  const usedBefore = await server.metric('lightscore_shared_memory_bytes', '{kind="used"}');
  await underLoad(administered, async () => {
    let refused = 0;
    for (const [what, { make, reason, status = 422 }] of Object.entries(CANDIDATES)) {
      const version = `v2.0.${refused}`;
      await store.copy('v1.0.0', version);
      await make(store, version);
      const answer = await admin('POST', `/models/${version}/activate`);
      assert.equal(answer.status, status, `${what}: ${answer.text}`);
      assert.match(answer.problem.detail, reason, what);
      assert.equal(await served(), 'v1.0.0', what);
      refused++;
      assert.equal(await server.metric('lightscore_model_loads_total', '{outcome="refused"}'), refused);
      const logged = await server.log(
        (line) => line.event === 'audit' && line['audit'] === 'load' && line['version'] === version,
      );
      assert.equal(logged['outcome'], 'refused');
      assert.match(String(logged['reason']), reason);
      const { models } = (await admin('GET', '/models')).json as {
        models: { version: string; state: string; reason: string | null }[];
      };
      const listed = models.find((model) => model.version === version);
      assert.equal(listed?.state, 'failed');
      assert.match(listed?.reason ?? '', reason);
    }
    const lanes = (await server.metric('lightscore_shared_memory_bytes', '{kind="used"}')) - usedBefore;
    assert.ok(lanes < 2_000_000, `${lanes} bytes more are in use`);
  });
  const names = await readdir('/tmp');
  assert.ok(!names.includes('lightscore-was-here'));
});

test("a version that the trainer's self-check confirms is served", async (t) => {
  const { store, admin } = await startAdministered(t);
  await store.copy('v1.0.0', 'v1.0.1');
  await selfCheck(store, 'v1.0.1', (scores) => scores);
  assert.equal((await admin('POST', '/models/v1.0.1/activate')).status, 200);
  const { models } = (await admin('GET', '/models')).json as {
    models: { version: string; self_check_rows: { trainer: number } }[];
  };
  assert.equal(models.find(({ version }) => version === 'v1.0.1')?.self_check_rows.trainer, 50);
});

test('with MODEL_PUBLIC_KEY only what its owner has signed is served', async (t) => {
  const keys = generateKeyPairSync('ed25519');
  const other = generateKeyPairSync('ed25519');
  const pem = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const administered = await startAdministered(t, { MODEL_PUBLIC_KEY: pem }, async (store) => {
    for (const [name, { privateKey }] of [
      ['own.pem', keys],
      ['other.pem', other],
    ] as const)
      await writeFile(store.path(name), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await signVersion(store.path('v1.0.0'), { keyFile: store.path('own.pem'), writeChecksums: true });
    await store.point('v1.0.0');
  });
  const { store, admin } = administered;
  const refuse = async (reason: RegExp): Promise<void> => {
    const answer = await admin('POST', '/models/v1.1.0/activate');
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.problem.detail, reason);
  };
  await underLoad(administered, async () => {
    await refuse(/metadata\.sig: is missing, but MODEL_PUBLIC_KEY requires a signature/);
    await signVersion(store.path('v1.1.0'), { keyFile: store.path('other.pem'), writeChecksums: true });
    await refuse(/metadata\.sig: does not match metadata\.json/);
    await signVersion(store.path('v1.1.0'), { keyFile: store.path('own.pem'), writeChecksums: false });
    await writeFile(
      store.path('v1.1.0', 'metadata.json'),
      (await readFile(store.path('v1.1.0', 'metadata.json'), 'utf8')).replace('"v1.1.0"', '"v1.1.9"'),
    );
    await refuse(/metadata\.sig: does not match metadata\.json/);
  });
  const signOwn = () => signVersion(store.path('v1.1.0'), { keyFile: store.path('own.pem'), writeChecksums: true });
  assert.equal((await signOwn()).version, 'v1.1.9');
  await refuse(/metadata\.json: its signed model_version is "v1\.1\.9"; MODEL_PUBLIC_KEY requires .* v1\.1\.0$/);
  await store.changeMetadata('v1.1.0', (metadata) => ({ ...metadata, model_version: 'v1.1.0' }));
  await signOwn();
  assert.equal((await admin('POST', '/models/v1.1.0/activate')).status, 200);
});

type Fault = 'none' | 'reset' | '500' | 'silent';

/** A bucket with the reference versions behind a proxy that misbehaves on request. */
async function startFaultyBucket(
  t: TestContext,
): Promise<{ readonly endpoint: string; fault: Fault; readonly asked: Promise<void> }> {
  const s3 = await startS3Server('models-bucket');
  t.after(() => s3.close());
  for (const version of ['v1.0.0', 'v1.1.0']) {
    for (const name of await readdir(join(projectRoot, 'test/data/models', version)))
      await s3.put(`models/${version}/${name}`, await readFile(join(MODELS, version, name)));
  }
  let whenAsked: () => void = () => undefined;
  const state = { fault: 'none' as Fault, endpoint: '', asked: new Promise<void>((resolve) => (whenAsked = resolve)) };
  const forward = (incoming: IncomingMessage, outgoing: ServerResponse): ClientRequest =>
    httpRequest(
      `${s3.endpoint}${incoming.url ?? ''}`,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
  const proxy = await startFaultyServer((incoming, outgoing) => {
    switch (state.fault) {
      case 'none':
        incoming.pipe(forward(incoming, outgoing));
        return;
      case 'reset':
        incoming.socket.destroy();
        return;
      case '500':
        outgoing.writeHead(500).end();
        return;
      case 'silent':
        whenAsked();
    }
  });
  t.after(() => proxy.close());
  state.endpoint = proxy.endpoint;
  return state;
}

test('a bucket that resets, answers 500 or not at all changes nothing', async (t) => {
  const bucket = await startFaultyBucket(t);
  const server = await startServer({
    ...S3_CREDENTIALS,
    AWS_ENDPOINT_URL_S3: bucket.endpoint,
    MODEL_DIR: undefined,
    MODEL_S3_BUCKET: 'models-bucket',
    MODEL_VERSION: 'v1.0.0',
    ADMIN_API_KEYS: `tester:${ADMIN_KEY}`,
    DRAIN_TIMEOUT_MS: '200',
  });
  t.after(() => server.stop());
  const admin = (method: string, path: string) =>
    server.request(`/admin${path}`, { method, headers: { 'X-API-Key': ADMIN_KEY } });
  await underLoad({ server }, async () => {
    for (const fault of ['reset', '500'] as const) {
      bucket.fault = fault;
      const answer = await admin('POST', '/models/v1.1.0/activate');
      assert.equal(answer.status, 502, answer.text);
      assert.match(answer.problem.detail, fault === '500' ? /s3:\/\/models-bucket\/.*500/ : /s3:\/\/models-bucket\//);
    }
  });
  assert.equal(await server.metric('lightscore_model_loads_total', '{outcome="failed"}'), 2);
  bucket.fault = 'none';
  assert.equal((await admin('POST', '/models/v1.1.0/activate')).status, 200);
  bucket.fault = 'silent';
  const lost = assert.rejects(admin('POST', '/models/v1.2.0/activate'));
  await bucket.asked;
  // A load that waits for the bucket holds up neither scores nor the way back.
  assert.equal((await server.score(bodies[0])).scored.model_version, 'v1.1.0');
  assert.equal((await admin('POST', '/models/v1.2.0/load')).status, 409);
  assert.equal((await admin('POST', '/rollback')).status, 200);
  assert.equal((await server.score(bodies[0])).scored.model_version, 'v1.0.0');
  bucket.fault = 'reset';
  await server.kill();
  await lost;
});
