/** What every artifact store must do, as tests. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ArtifactError, LightscoreError } from '../../src/errors.js';
import { type ArtifactStore, filesFingerprint } from '../../src/store/store.js';
import { chooseVersion } from '../../src/store/versions.js';

/** A store under test and a way to write to what is behind it. */
export interface StoreUnderTest {
  readonly store: ArtifactStore;
  readonly put: (path: string, content: string | Uint8Array) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
}

const COMPLETE = ['lightgbm_model.txt', 'calibrator.pkl', 'metadata.json'];

async function putVersion(
  put: StoreUnderTest['put'],
  version: string,
  files: readonly string[] = COMPLETE,
): Promise<void> {
  for (const file of files) await put(`${version}/${file}`, `${file} of ${version}`);
}

function hasCode(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof LightscoreError);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  };
}

/** What every kind of store does, whichever it is. */
export function testStore(kind: string, open: (t: TestContext) => Promise<StoreUnderTest>): void {
  test(`${kind}: lists versions and the files of one`, async (t) => {
    const { store, put } = await open(t);
    await putVersion(put, 'v1.0.0');
    await putVersion(put, 'v1.1.0', ['lightgbm_model.txt']);
    await put('README.md', 'not a version');
    assert.deepEqual((await store.versions()).toSorted(), ['v1.0.0', 'v1.1.0']);
    assert.deepEqual((await store.files('v1.0.0')).map(({ name }) => name).toSorted(), COMPLETE.toSorted());
    assert.deepEqual(await store.files('v9.9.9'), []);
  });

  test(`${kind}: reads a file whole, and not past its limit`, async (t) => {
    const { store, put } = await open(t);
    const content = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
    await put('v1.0.0/lightgbm_model.txt', content);
    const [file] = await store.files('v1.0.0');
    assert.equal(file.size, content.byteLength);
    assert.equal(Buffer.compare(await store.read('v1.0.0', file, 100_000), content), 0);
    await assert.rejects(
      store.read('v1.0.0', file, 99_999),
      hasCode('ARTIFACT_INVALID', /v1\.0\.0\/lightgbm_model\.txt: has 100000 bytes, more than the limit of 99999$/),
    );
  });

  test(`${kind}: reads an empty file`, async (t) => {
    const { store, put } = await open(t);
    await put('v1.0.0/model_card.md', '');
    const [file] = await store.files('v1.0.0');
    assert.equal((await store.read('v1.0.0', file, 10)).byteLength, 0);
  });

  test(`${kind}: does not read a file that changed or went since it was listed`, async (t) => {
    const { store, put, remove } = await open(t);
    await put('v1.0.0/metadata.json', 'before');
    const before = await store.files('v1.0.0');
    await put('v1.0.0/metadata.json', 'after!');
    await assert.rejects(
      store.read('v1.0.0', before[0], 100),
      hasCode('ARTIFACT_INVALID', /v1\.0\.0\/metadata\.json: changed while/),
    );
    const after = await store.files('v1.0.0');
    assert.notEqual(filesFingerprint(after), filesFingerprint(before));
    await remove('v1.0.0/metadata.json');
    await assert.rejects(
      store.read('v1.0.0', after[0], 100),
      hasCode('ARTIFACT_INVALID', /v1\.0\.0\/metadata\.json: disappeared/),
    );
  });

  test(`${kind}: never leaves itself, whatever a version is called`, async (t) => {
    const { store, put } = await open(t);
    await put('v1.0.0/metadata.json', '{}');
    for (const version of ['..', '../v1.0.0', 'v1.0.0/..', '.', '', '/etc', 'v1.0.0/', '%2e%2e', 'a\0b'])
      assert.deepEqual(await store.files(version), []);
  });

  test(`${kind}: the pointer names the version, and an unchanged one is recognised`, async (t) => {
    const { store, put, remove } = await open(t);
    await put('v1.0.0/metadata.json', '{}');
    assert.equal(await store.pointer(), undefined);
    await put('current.json', '{"version": "v1.0.0"}');
    const first = await store.pointer();
    assert.equal(first?.version, 'v1.0.0');
    assert.equal(await store.pointer(first), first);
    await put('current.json', '{"version": "v1.1.0"}');
    const second = await store.pointer(first);
    assert.equal(second?.version, 'v1.1.0');
    assert.notEqual(second.fingerprint, first.fingerprint);
    await put('current.json', '{"version": "v1.1.0", "counter": 7, "signature": "c2lnbmVk"}');
    const signed = await store.pointer(second);
    assert.deepEqual([signed?.version, signed?.counter, signed?.signature], ['v1.1.0', 7, 'c2lnbmVk']);
    await put('current.json', '{"version": "v1.1.0", "counter": "7", "signature": 7}');
    const odd = await store.pointer(signed);
    assert.deepEqual([odd?.version, odd?.counter, odd?.signature], ['v1.1.0', undefined, undefined]);
    await remove('current.json');
    assert.equal(await store.pointer(second), undefined);
  });

  for (const content of ['', '{', '[]', '{"version": 1}', '{"version": "../v1"}', '{}', 'v1.0.0']) {
    test(`${kind}: a current.json of ${JSON.stringify(content)} is an error that names it`, async (t) => {
      const { store, put } = await open(t);
      await put('current.json', content);
      await assert.rejects(
        chooseVersion(store),
        (error) => error instanceof ArtifactError && error.file === `${store.location}/current.json`,
      );
    });
  }

  test(`${kind}: the version is the setting's, else the pointer's, else the highest complete one`, async (t) => {
    const { store, put } = await open(t);
    await assert.rejects(
      chooseVersion(store),
      hasCode('VERSION_NOT_FOUND', /no version has model, calibrator and metadata; it has no versions at all$/),
    );
    await putVersion(put, 'v2.0.0', ['lightgbm_model.txt', 'calibrator.pkl']);
    await assert.rejects(
      chooseVersion(store),
      hasCode('VERSION_NOT_FOUND', /these are incomplete: v2\.0\.0 \(no metadata\.json\)$/),
    );
    await putVersion(put, 'v1.9.0');
    await putVersion(put, 'v1.10.0', ['lightgbm_model.txt', 'calibrator.json', 'metadata.json']);
    assert.deepEqual(await chooseVersion(store), { version: 'v1.10.0', by: 'highest', pointer: undefined });
    await put('current.json', '{"version": "v1.9.0"}');
    const choice = await chooseVersion(store);
    assert.equal(choice.version, 'v1.9.0');
    assert.equal(choice.by, 'pointer');
    assert.deepEqual(await chooseVersion(store, { known: choice.pointer }), choice);
    assert.deepEqual(await chooseVersion(store, { setting: 'v1.10.0' }), {
      version: 'v1.10.0',
      by: 'setting',
      pointer: undefined,
    });
  });
}
