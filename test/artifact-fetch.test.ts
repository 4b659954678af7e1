/** Reading an artifact from a store: what is required, what is refused, by file. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fetchArtifact } from '../src/loading/fetch.js';
import { type IsotonicCalibrator, writeCalibratorJson } from '../src/artifact/calibrator.js';
import { signMetadata } from '../src/artifact/integrity.js';
import { FolderStore } from '../src/store/folder.js';
import { S3Store } from '../src/store/s3.js';
import { type ArtifactStore, filesFingerprint, type StoredFile } from '../src/store/store.js';
import { projectRoot } from './support/project.js';
import { startS3Server } from './support/s3-server.js';
import { sha256Hex } from '../src/sha256.js';

const MODELS = join(projectRoot, 'test/data/models');
const VERSION = 'v1.0.0';

/** A copy of the reference artifacts that a test may spoil. */
async function copyOfModels(
  t: TestContext,
): Promise<{ store: FolderStore; path: (file: string) => string; changeMetadata: (change: object) => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'lightscore-artifact-'));
  t.after(() => rm(folder, { recursive: true }));
  await cp(MODELS, folder, { recursive: true });
  const path = (file: string): string => join(folder, VERSION, file);
  return {
    store: new FolderStore(folder),
    path,
    async changeMetadata(change) {
      const metadata: unknown = JSON.parse(await readFile(path('metadata.json'), 'utf8'));
      assert(typeof metadata === 'object');
      await writeFile(path('metadata.json'), JSON.stringify({ ...metadata, ...change }));
    },
  };
}

async function checksumsOf(path: (file: string) => string, names: readonly string[]): Promise<Record<string, string>> {
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, sha256Hex(await readFile(path(name)))] as const)),
  );
}

const isotonic = (x: Float64Array, y: Float64Array): IsotonicCalibrator => ({
  type: 'isotonic',
  input: 'probability',
  x,
  y,
  precision: 'float64',
});
const invalid = (message: RegExp) => ({ code: 'ARTIFACT_INVALID', message });

test('an artifact is read whole', async () => {
  const store = new FolderStore(MODELS);
  const artifact = await fetchArtifact(store, VERSION);
  assert.equal(artifact.version, VERSION);
  assert.equal(artifact.metadata.modelVersion, VERSION);
  assert.equal(artifact.metadata.featureNames.length, 15);
  assert.deepEqual(Buffer.from(artifact.modelText), await readFile(join(MODELS, VERSION, 'lightgbm_model.txt')));
  assert.equal(artifact.modelSha256, sha256Hex(artifact.modelText));
  assert.equal(artifact.modelFile, join(MODELS, VERSION, 'lightgbm_model.txt'));
  assert(artifact.calibrator?.type === 'isotonic' && artifact.calibrator.x.length > 1);
  assert.deepEqual(
    artifact.files.map(({ name, verified }) => [name, verified]),
    [
      ['metadata.json', false],
      ['lightgbm_model.txt', false],
      ['calibrator.pkl', false],
    ],
  );
  assert.equal(artifact.fingerprint, filesFingerprint(await store.files(VERSION)));
  assert.deepEqual(artifact.warnings, []);
});

test('the same artifact comes out of a bucket', async (t) => {
  const server = await startS3Server('fraud-models');
  const store = new S3Store({ bucket: 'fraud-models', endpoint: server.endpoint });
  t.after(async () => {
    store.close();
    await server.close();
  });
  for (const file of ['lightgbm_model.txt', 'calibrator.pkl', 'metadata.json'])
    await server.put(`models/${VERSION}/${file}`, await readFile(join(MODELS, VERSION, file)));
  const { modelText, calibrator, metadata, files } = await fetchArtifact(store, VERSION);
  const expected = await fetchArtifact(new FolderStore(MODELS), VERSION);
  assert.deepEqual(
    { modelText: Buffer.from(modelText), calibrator, metadata, files },
    {
      modelText: Buffer.from(expected.modelText),
      calibrator: expected.calibrator,
      metadata: expected.metadata,
      files: expected.files,
    },
  );
});

test('of two calibrators the portable one is used, with a warning', async (t) => {
  const { store, path } = await copyOfModels(t);
  const calibrator = isotonic(Float64Array.of(0, 1), Float64Array.of(0.25, 0.75));
  await writeFile(path('calibrator.json'), writeCalibratorJson(calibrator));
  const artifact = await fetchArtifact(store, VERSION);
  assert.deepEqual(artifact.calibrator, calibrator);
  assert.deepEqual(artifact.warnings, [
    `${path('calibrator.pkl')}: is ignored, because the version also has calibrator.json`,
  ]);
});

test('a self-check that is there is handed on', async (t) => {
  const { store, path } = await copyOfModels(t);
  await writeFile(path('self_check.json'), '{}');
  assert.equal(Buffer.from((await fetchArtifact(store, VERSION)).selfCheck ?? []).toString(), '{}');
});

for (const [file, message] of [
  ['lightgbm_model.txt', /v1\.0\.0\/lightgbm_model\.txt: is missing$/],
  ['calibrator.pkl', /v1\.0\.0\/calibrator\.pkl: is missing, and so is calibrator\.json$/],
  ['metadata.json', /v1\.0\.0\/metadata\.json: is missing, so the version is incomplete/],
] as const) {
  test(`an artifact without ${file} is refused, by name`, async (t) => {
    const { store, path } = await copyOfModels(t);
    await unlink(path(file));
    await assert.rejects(fetchArtifact(store, VERSION), invalid(message));
  });

  test(`an artifact whose ${file} is empty is refused, by name`, async (t) => {
    const { store, path } = await copyOfModels(t);
    await writeFile(path(file), '');
    await assert.rejects(
      fetchArtifact(store, VERSION),
      invalid(new RegExp(`v1\\.0\\.0/${file.replace('.', '\\.')}: is empty$`)),
    );
  });

  test(`an artifact whose ${file} is too large is refused, by name`, async (t) => {
    const { store } = await copyOfModels(t);
    const limits = {
      'lightgbm_model.txt': { model: 100 },
      'calibrator.pkl': { calibrator: 100 },
      'metadata.json': { metadata: 100 },
    }[file];
    await assert.rejects(
      fetchArtifact(store, VERSION, { limits }),
      invalid(new RegExp(`v1\\.0\\.0/${file.replace('.', '\\.')}: has \\d+ bytes, more than the limit of 100$`)),
    );
  });
}

test('a version that does not exist, or could not, is not found', async () => {
  const store = new FolderStore(MODELS);
  await assert.rejects(fetchArtifact(store, 'v9.9.9'), {
    code: 'VERSION_NOT_FOUND',
    message: /there is no version v9\.9\.9$/,
  });
  await assert.rejects(fetchArtifact(store, '../models/v1.0.0'), {
    code: 'VERSION_NOT_FOUND',
    message: /"\.\.\/models\/v1\.0\.0" is not a valid version name$/,
  });
});

test('a model_version other than the folder is served, with a warning', async (t) => {
  const { store, changeMetadata } = await copyOfModels(t);
  await changeMetadata({ model_version: 'v1.0.0-retrained' });
  const { version, metadata, warnings } = await fetchArtifact(store, VERSION);
  assert.equal(version, VERSION);
  assert.equal(metadata.modelVersion, 'v1.0.0-retrained');
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0],
    /model_version is "v1\.0\.0-retrained" in the folder of v1\.0\.0; answers carry "v1\.0\.0-retrained"$/,
  );
});

test('every file that has a checksum is verified, used or not', async (t) => {
  const { store, path, changeMetadata } = await copyOfModels(t);
  await writeFile(path('model_card.md'), '# Card');
  const names = ['lightgbm_model.txt', 'calibrator.pkl', 'model_card.md'];
  const checksums = await checksumsOf(path, names);
  await changeMetadata({ checksums });
  const artifact = await fetchArtifact(store, VERSION, { requireChecksums: true });
  assert.deepEqual(
    artifact.files.filter(({ verified }) => verified).map(({ name }) => name),
    names,
  );
  for (const name of names) {
    const whole = await readFile(path(name));
    const damaged = Buffer.from(whole);
    damaged[damaged.length >>> 1] ^= 1;
    await writeFile(path(name), damaged);
    await assert.rejects(
      fetchArtifact(store, VERSION),
      invalid(
        new RegExp(
          `v1\\.0\\.0/${name.replace('.', '\\.')}: has SHA-256 [0-9a-f]{64}, but metadata\\.json sa` +
            `ys ${checksums[name]}$`,
        ),
      ),
    );
    await writeFile(path(name), whole);
  }
  await unlink(path('model_card.md'));
  await assert.rejects(
    fetchArtifact(store, VERSION),
    invalid(/model_card\.md: is missing, but metadata\.json has its checksum$/),
  );
});

test('a file without a checksum is a warning if others have one, an error if checksums are required', async (t) => {
  const { store, path, changeMetadata } = await copyOfModels(t);
  await assert.rejects(
    fetchArtifact(store, VERSION, { requireChecksums: true }),
    invalid(/lightgbm_model\.txt: has no checksum in metadata\.json, and checksums are required$/),
  );
  await changeMetadata({ checksums: await checksumsOf(path, ['lightgbm_model.txt']) });
  const { warnings } = await fetchArtifact(store, VERSION);
  assert.deepEqual(warnings, [`${path('calibrator.pkl')}: has no checksum in metadata.json`]);
  await assert.rejects(
    fetchArtifact(store, VERSION, { requireChecksums: true }),
    invalid(/calibrator\.pkl: has no checksum in metadata\.json, and checksums are required$/),
  );
});

test('with a public key, metadata must be signed and cover what is used', async (t) => {
  const { store, path, changeMetadata } = await copyOfModels(t);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  await assert.rejects(
    fetchArtifact(store, VERSION, { publicKey }),
    invalid(/metadata\.sig: is missing, but MODEL_PUBLIC_KEY requires a signature$/),
  );
  const sign = async (): Promise<void> =>
    writeFile(path('metadata.sig'), signMetadata(await readFile(path('metadata.json')), privateKey));
  await sign();
  await assert.rejects(fetchArtifact(store, VERSION, { publicKey }), invalid(/lightgbm_model\.txt: has no checksum/));
  await changeMetadata({ checksums: await checksumsOf(path, ['lightgbm_model.txt', 'calibrator.pkl']) });
  await assert.rejects(
    fetchArtifact(store, VERSION, { publicKey }),
    invalid(/metadata\.sig: does not match metadata\.json and MODEL_PUBLIC_KEY$/),
  );
  await sign();
  assert.equal((await fetchArtifact(store, VERSION, { publicKey })).signed, true);
  // The portable form would win: one that was slipped in is not covered by the signature.
  await writeFile(path('calibrator.json'), writeCalibratorJson(isotonic(Float64Array.of(0), Float64Array.of(0))));
  await assert.rejects(
    fetchArtifact(store, VERSION, { publicKey }),
    invalid(/calibrator\.json: has no checksum in metadata\.json, and checksums are required$/),
  );
});

test('with a public key, a folder whose name is not the signed version is refused', async (t) => {
  const { store, path, changeMetadata } = await copyOfModels(t);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  await changeMetadata({ checksums: await checksumsOf(path, ['lightgbm_model.txt', 'calibrator.pkl']) });
  await writeFile(path('metadata.sig'), signMetadata(await readFile(path('metadata.json')), privateKey));
  await cp(dirname(path('metadata.json')), join(store.location, 'v9.9.9'), { recursive: true });
  assert.equal((await fetchArtifact(store, VERSION, { publicKey })).signed, true);
  await assert.rejects(
    fetchArtifact(store, 'v9.9.9', { publicKey }),
    invalid(
      /v9\.9\.9\/metadata\.json: its signed model_version is "v1\.0\.0"; .* requires that of its folder, v9\.9\.9$/,
    ),
  );
  const unchecked = await fetchArtifact(store, 'v9.9.9');
  assert.match(unchecked.warnings.join(), /answers carry "v1\.0\.0"$/, 'without a key it is a warning');
});

test('an artifact that changes while it is read is refused', async (t) => {
  const { store, path } = await copyOfModels(t);
  /** The folder, where the model is replaced between the reading of the calibrator and the end. */
  const overwritten: ArtifactStore = {
    pathOf: (version, name) => store.pathOf(version, name),
    location: store.location,
    versions: () => store.versions(),
    files: (version) => store.files(version),
    pointer: (known) => store.pointer(known),
    close: () => store.close(),
    async read(version: string, file: StoredFile, maxBytes: number) {
      const bytes = await store.read(version, file, maxBytes);
      if (file.name === 'calibrator.pkl') await writeFile(path('lightgbm_model.txt'), 'tree\n');
      return bytes;
    },
  };
  await assert.rejects(fetchArtifact(overwritten, VERSION), invalid(/v1\.0\.0: changed while it was being read$/));
});
