/** `lightscore check`, and what `inspect` and `verify` share with it: the server's own verdict on a version. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runCli } from './support/cli-process.js';
import { needsNative } from './support/native.js';
import { MODELS, failingServer, startServer } from './support/server.js';

/** A folder of versions with a copy of v1.0.0, which a test may spoil. */
function copyOfModels(t: TestContext): { readonly models: string; readonly version: string } {
  const models = mkdtempSync(join(tmpdir(), 'lightscore-check-'));
  t.after(() => rmSync(models, { recursive: true }));
  cpSync(join(MODELS, 'v1.0.0'), join(models, 'v1.0.0'), { recursive: true });
  return { models, version: join(models, 'v1.0.0') };
}

const ISOTONIC = { type: 'isotonic', dtype: 'float64', x_thresholds: [0, 1], y_thresholds: [0, 1] };

/** What spoils a version, by what is wrong with it. */
const SPOILED: Readonly<Record<string, (version: string) => void>> = {
  'a calibrator that gives NaN outside of its range': (version) =>
    writeFileSync(join(version, 'calibrator.json'), JSON.stringify({ ...ISOTONIC, out_of_bounds: 'nan' })),
  'no calibrator': (version) => rmSync(join(version, 'calibrator.pkl')),
  'a feature too few in the metadata': (version) => {
    const file = join(version, 'metadata.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"age",', ''));
  },
  'a checksum that differs': (version) => {
    const file = join(version, 'metadata.json');
    const sum = `{"checksums": {"lightgbm_model.txt": "${'0'.repeat(64)}"},`;
    writeFileSync(file, readFileSync(file, 'utf8').replace('{', sum));
  },
  'a truncated model': (version) => {
    const file = join(version, 'lightgbm_model.txt');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, 100_000));
  },
};

for (const [what, spoil] of Object.entries(SPOILED)) {
  test(`check and inspect say of a version with ${what} what serve says, and end with 1`, async (t) => {
    const { models, version } = copyOfModels(t);
    spoil(version);
    const served = await failingServer({ MODEL_DIR: models });
    assert.equal(served.code, 1);
    for (const command of ['check', 'inspect']) {
      const { code, stderr } = await runCli([command, version]);
      assert.deepEqual([code, stderr], [1, served.stderr], command);
    }
  });
}

test('a version without metadata is incomplete among versions, and served where it is named', async (t) => {
  const { models, version } = copyOfModels(t);
  rmSync(join(version, 'metadata.json'));
  const among = await failingServer({ MODEL_DIR: models });
  assert.match(among.stderr, /metadata\.json: is missing, so the version is incomplete/);
  assert.equal((await runCli(['check', version])).code, 0);
  const server = await startServer({ MODEL_PATH: version });
  t.after(() => server.stop());
  assert.equal((await server.request('/healthz')).json['model_version'], 'v1.0.0');
});

test("feature names that are the model's own in another order are refused, by check and serve", async (t) => {
  const { models, version } = copyOfModels(t);
  const file = join(version, 'metadata.json');
  const metadata: { feature_names: string[] } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...metadata, feature_names: metadata.feature_names.toReversed() }));
  const sentence = /feature_names are the model's own in another order: feature 0 is "age" there and "\w+" here/;
  assert.match((await runCli(['check', version])).stderr, sentence);
  assert.match((await failingServer({ MODEL_DIR: models })).stderr, sentence);
});

test("feature names that are not the model's are warned of, by check, inspect and serve", async (t) => {
  const { models, version } = copyOfModels(t);
  const file = join(version, 'metadata.json');
  const metadata: { feature_names: string[] } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...metadata, feature_names: ['Age', ...metadata.feature_names.slice(1)] }));
  const sentence =
    /feature_names differ from the model's own, which the server uses: feature 0 is "age" there and "Age" here/;
  assert.match((await runCli(['check', version])).stdout, sentence);
  assert.match((await runCli(['inspect', version])).stdout, sentence);
  const server = await startServer({ MODEL_DIR: models });
  t.after(() => server.stop());
  assert.match(String((await server.event('artifact_warning'))['msg']), sentence);
});

test('verify of a version that serve refuses compares it, and ends with 1', needsNative(), async (t) => {
  const { models, version } = copyOfModels(t);
  SPOILED['no calibrator'](version);
  const { stderr } = await failingServer({ MODEL_DIR: models });
  const verified = await runCli(['verify', version, '--rows', '10']);
  assert.match(verified.stdout, /agree bit for bit/);
  assert.deepEqual([verified.code, verified.stderr], [1, stderr]);
});

test('of a folder of versions, the one is checked that serve would choose', async (t) => {
  const { models } = copyOfModels(t);
  cpSync(join(MODELS, 'v1.1.0'), join(models, 'v1.1.0'), { recursive: true });
  assert.match(
    (await runCli(['check', models])).stdout,
    /^v1\.1\.0: would be served \(\d+ trees, 15 features; .*\)\n$/,
  );
  assert.match((await runCli(['check', models, '--model-version', 'v1.0.0'])).stdout, /^v1\.0\.0: would be served/);
  writeFileSync(join(models, 'current.json'), '{"version": "v1.0.0"}');
  assert.match((await runCli(['check', models])).stdout, /^v1\.0\.0: would be served/);
});

test('a folder without a complete version is refused as by serve, with the files that are missing', async (t) => {
  const { models, version } = copyOfModels(t);
  rmSync(join(version, 'metadata.json'));
  rmSync(join(version, 'calibrator.pkl'));
  const { code, stderr } = await runCli(['check', models]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /; these are incomplete: v1\.0\.0 \(no calibrator\.json or calibrator\.pkl, no metadata\.json\)\n$/,
  );
  assert.equal(stderr, (await failingServer({ MODEL_DIR: models, MODEL_VERSION: undefined })).stderr);
});

test('the rules of a server hold, as flags and as variables', async (t) => {
  const { version } = copyOfModels(t);
  for (const { flags, env } of [
    { flags: ['--model-require-checksums'], env: {} },
    { flags: [], env: { MODEL_REQUIRE_CHECKSUMS: '1' } },
  ]) {
    const { code, stderr } = await runCli(['check', version, ...flags], { env });
    assert.equal(code, 1);
    assert.match(stderr, /has no checksum in metadata\.json, and checksums are required\n$/);
  }
});

test('a version is checked from within its folder, too', async (t) => {
  const { version } = copyOfModels(t);
  assert.match((await runCli(['check', '.'], { cwd: version })).stdout, /^v1\.0\.0: would be served/);
});
