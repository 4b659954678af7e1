/** What users have, served as it stands: a model text under any name, gzip'd, pickles, and folders of other tools. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { loadModel } from '../src/index.js';
import { runCli } from './support/cli-process.js';
import { close, readGolden } from './support/golden.js';
import { projectRoot } from './support/project.js';
import { S3_CREDENTIALS, startS3Server } from './support/s3-server.js';
import { MODELS, failingServer, startServer } from './support/server.js';

const golden = readGolden();
const rows = golden.rows.slice(0, 20);
const text = readFileSync(join(MODELS, 'v1.0.0/lightgbm_model.txt'));
const pickles = join(projectRoot, 'test/data/pickled-models');

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-path-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const env = (path: string) => ({ MODEL_PATH: path, MODEL_VERSION: undefined });

/** Serves `path`, and holds it to the library, the command line and LightGBM's probabilities. */
async function servesDemo(t: TestContext, path: string, version: RegExp): Promise<void> {
  const server = await startServer(env(path));
  t.after(() => server.stop());
  const { scoredBatch } = await server.score(
    rows.map((features) => ({ features })),
    '/score_batch',
  );
  assert.equal(scoredBatch.length, rows.length);
  using model = await loadModel(path);
  const scores = model.score(rows);
  const printed: unknown = JSON.parse(
    (await runCli(['score', '--model', path, '--rows', '-', '--probability'], { input: JSON.stringify(rows) })).stdout,
  );
  assert.deepEqual(printed, scores);
  for (const [i, answer] of scoredBatch.entries()) {
    assert(close(answer.confidence_score, golden.probability[i]));
    assert.equal(answer.confidence_score, scores[i]);
    assert.match(answer.model_version, version);
    assert.equal(answer.calibration_version, 'none');
  }
  assert.equal((await runCli(['check', path])).code, 0);
}

for (const [name, bytes] of [
  ['model.txt', text],
  ['fraud model.lgb', text],
  ['booster', text],
  ['model.txt.gz', gzipSync(text)],
] as const) {
  test(`a model text as ${name}`, async (t) => {
    const path = join(temporary(t), name);
    writeFileSync(path, bytes);
    await servesDemo(t, path, /^sha256-[0-9a-f]{12}$/);
  });
}

for (const [what, files, path, version] of [
  [
    'an MLflow folder',
    { MLmodel: 'flavors:', 'model.lgb': text, 'requirements.txt': 'lightgbm', 'conda.yaml': '' },
    '.',
    /^m$/,
  ],
  ["MLServer's model.bst", { 'model.bst': text, 'model-settings.json': '{}' }, '.', /^m$/],
  ["a folder of Triton's FIL backend", { '1/model.txt': text, '2/model.txt': text, 'config.pbtxt': '' }, '.', /^2$/],
] as const) {
  test(what, async (t) => {
    const folder = join(temporary(t), 'm');
    for (const [name, bytes] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), bytes);
    }
    if (!('1/model.txt' in files)) return servesDemo(t, join(folder, path), version);
    const server = await startServer(env(folder));
    t.after(() => server.stop());
    const { scored } = await server.score({ features: rows[0] });
    assert.match(scored.model_version, version);
    assert(close(scored.confidence_score, golden.probability[0]));
  });
}

test('lightscore serve takes the model as an argument, and other files beside it do not matter', async (t) => {
  const folder = temporary(t);
  writeFileSync(join(folder, 'model.txt'), text);
  writeFileSync(join(folder, 'metadata.json'), 'no JSON at all');
  const server = await startServer(
    { MODEL_VERSION: undefined, MODEL_DIR: undefined },
    { flags: [join(folder, 'model.txt')] },
  );
  t.after(() => server.stop());
  assert.equal((await server.score({ features: rows[0] })).status, 200);
});

const expected: { rows: (number | null)[][] } & Record<string, { prediction: number[] | number[][] }> = JSON.parse(
  readFileSync(join(pickles, 'expected.json'), 'utf8'),
);

for (const kind of [
  'binary-joblib',
  'booster-pickle4',
  'regressor-pickle4',
  'frozen-isotonic-pickle4',
  'one-sigmoid-pickle4',
  'kept-pickle4',
]) {
  test(`${kind}: the pickle is served, and answers as in Python`, async (t) => {
    const file = `lightgbm-4.7.0-1.9-${kind}.pkl`;
    const path = join(temporary(t), 'model.pkl');
    copyFileSync(join(pickles, file), path);
    const server = await startServer(env(path));
    t.after(() => server.stop());
    using model = await loadModel(path);
    const finite = expected.rows.flatMap((features, i) => [{ features, i }]);
    for (const { features, i } of finite) {
      const { scored } = await server.score({ features });
      const answer = expected[file].prediction[i];
      const theirs = Array.isArray(answer) ? answer[1] : answer;
      assert(Math.abs(scored.confidence_score - theirs) <= 1e-12 * Math.max(1, Math.abs(theirs)), `${i}`);
      assert.deepEqual(model.score([features]), [scored.confidence_score]);
    }
  });
}

test('a file that is replaced is a new version, by polling and by SIGHUP', async (t) => {
  const path = join(temporary(t), 'model.txt');
  writeFileSync(path, text);
  const server = await startServer({ ...env(path), MODEL_POLL_SECONDS: '1' });
  t.after(() => server.stop());
  const first = (await server.score({ features: rows[0] })).scored.model_version;
  // Half-written: it is refused, and the old one answers.
  writeFileSync(path, text.subarray(0, 50_000));
  await server.event('poll_failed');
  assert.equal((await server.score({ features: rows[0] })).scored.model_version, first);
  const next = `${path}.new`;
  writeFileSync(next, readFileSync(join(MODELS, 'v1.1.0/lightgbm_model.txt')));
  renameSync(next, path);
  const serves = async () => (await server.score({ features: rows[0] })).scored.model_version;
  while ((await serves()) === first);
  writeFileSync(next, text);
  renameSync(next, path);
  server.signal('SIGHUP');
  while ((await serves()) !== first);
});

for (const [what, bytes, sentence] of [
  [
    'a JSON dump',
    '{"name": "tree", "tree_info": []}',
    /it is a JSON dump \(dump_model\).*booster\.save_model\("model\.txt"\)/,
  ],
  [
    'a Git LFS pointer',
    'version https://git-lfs.github.com/spec/v1\noid sha256:1',
    /it is a Git LFS pointer.*git lfs pull/,
  ],
  [
    'a model of XGBoost',
    '{"learner": {"attributes": {}}}',
    /it is a model of XGBoost: this server scores LightGBM models/,
  ],
  ['a zip archive', Buffer.from('PK\x03\x04rest', 'latin1'), /it is a zip archive: unpack it/],
  ['an HTML page', '<!DOCTYPE html><html>', /it is an HTML page/],
  ['something else', 'hello', /is not a LightGBM model: the first line should be "tree"/],
  ['nothing', '', /it is empty/],
] as const) {
  test(`${what} is named for what it is`, async (t) => {
    const path = join(temporary(t), 'model.txt');
    writeFileSync(path, bytes);
    const served = await failingServer(env(path));
    assert.equal(served.code, 1);
    assert.match(served.stderr, sentence);
    assert.match((await runCli(['inspect', path])).stderr, sentence);
  });
}

test('a path that does not exist, or two sources, end the start with 2', async () => {
  const missing = await failingServer(env('/nowhere/model.txt'));
  assert.deepEqual([missing.code, missing.stderr], [2, 'lightscore: MODEL_PATH: /nowhere/model.txt does not exist\n']);
  const both = await failingServer({ ...env('model.txt'), MODEL_S3_BUCKET: 'models' });
  assert.equal(both.code, 2);
  assert.match(both.stderr, /MODEL_PATH and MODEL_S3_BUCKET are both set/);
});

test('a folder in a bucket: one version without an artifact, or versions', async (t) => {
  const server = await startS3Server('team');
  t.after(() => server.close());
  await server.put('fraud/model.bst', text);
  await server.put('many/1/model.txt', text);
  await server.put('many/2/model.txt', text);
  const endpoint = { ...S3_CREDENTIALS, AWS_ENDPOINT_URL_S3: server.endpoint, AWS_REGION: 'us-east-1' };
  for (const [path, version] of [
    ['s3://team/fraud', 'fraud'],
    ['s3://team/many', '2'],
  ] as const) {
    const scoring = await startServer({ ...env(path), ...endpoint });
    t.after(() => scoring.stop());
    const { scored } = await scoring.score({ features: rows[0] });
    assert.equal(scored.model_version, version);
    assert(close(scored.confidence_score, golden.probability[0]));
  }
});

test('what a setting requires of every version, a bare model does not have', async (t) => {
  const path = join(temporary(t), 'model.txt');
  writeFileSync(path, text);
  const { publicKey } = generateKeyPairSync('ed25519');
  for (const [setting, sentence] of [
    [{ MODEL_REQUIRE_CHECKSUMS: '1' }, /has no checksum in metadata\.json, and checksums are required/],
    [
      { MODEL_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }).toString() },
      /is missing, but MODEL_PUBLIC_KEY requires a signature/,
    ],
  ] as const) {
    const { code, stderr } = await failingServer({ ...env(path), ...setting });
    assert.equal(code, 1);
    assert.match(stderr, sentence);
  }
});

test('inspect says what was pickled', async () => {
  const { stdout } = await runCli(['inspect', join(pickles, 'lightgbm-4.7.0-1.9-text-labels-pickle4.pkl')]);
  assert.match(stdout, /a pickled lightgbm\.sklearn\.LGBMClassifier of the classes "no", "yes"/);
});
