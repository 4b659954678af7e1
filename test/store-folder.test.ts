/** The folder store: the contract of stores, and what only folders have. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { FolderStore } from '../src/store/folder.js';
import { type StoreUnderTest, testStore } from './support/store-contract.js';

async function openFolder(t: TestContext): Promise<StoreUnderTest & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'lightscore-store-'));
  t.after(() => rm(folder, { recursive: true }));
  return {
    folder,
    store: new FolderStore(`${folder}/`),
    async put(path, content) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    },
    remove: (path) => rm(join(folder, path)),
  };
}

testStore('folder', openFolder);

test('folder: a folder that does not exist is unreachable, not empty', async (t) => {
  const { folder } = await openFolder(t);
  const store = new FolderStore(join(folder, 'nowhere'));
  const expected = { code: 'STORE_UNREACHABLE', message: `${join(folder, 'nowhere')}: the folder does not exist` };
  await assert.rejects(store.versions(), expected);
  await assert.rejects(store.pointer(), expected);
});

test('folder: versions and files behind symbolic links are found, as Kubernetes mounts them', async (t) => {
  const { folder, store, put } = await openFolder(t);
  await put('..data/v1/metadata.json', '{}');
  await symlink('..data/v1', join(folder, 'v1.0.0'));
  await symlink('nothing', join(folder, 'v1.1.0'));
  assert.deepEqual(await store.versions(), ['v1.0.0']);
  const [file] = await store.files('v1.0.0');
  assert.equal(Buffer.from(await store.read('v1.0.0', file, 10)).toString(), '{}');
});

test('folder: a named pipe is neither listed nor waited for', async (t) => {
  const { folder, store, put } = await openFolder(t);
  await put('v1.0.0/metadata.json', '{}');
  const [file] = await store.files('v1.0.0');
  execFileSync('mkfifo', [join(folder, 'v1.0.0/pipe')]);
  assert.deepEqual(await store.files('v1.0.0'), [file]);
  await rename(join(folder, 'v1.0.0/pipe'), join(folder, 'v1.0.0/metadata.json'));
  await assert.rejects(store.read('v1.0.0', file, 10), {
    code: 'ARTIFACT_INVALID',
    message: /metadata\.json: is not a file$/,
  });
});
