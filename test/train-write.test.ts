/** Writing artifacts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { checksums, writeArtifact } from '../src/train/write.js';

const folder = await mkdtemp(join(tmpdir(), 'lightscore-write-'));
after(async () => await rm(folder, { recursive: true }));

const files = new Map<string, string | Uint8Array>([
  ['lightgbm_model.txt', 'tree\n'],
  ['calibrator.json', new Uint8Array([1, 2, 3])],
]);

const hex = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

test('a version is written completely, and nothing beside it', async () => {
  const repository = join(folder, 'new/models');
  assert.equal(
    await writeArtifact({ repository, version: 'v1.0.0', replace: false }, files, '{}\n'),
    join(repository, 'v1.0.0'),
  );
  assert.deepEqual(await readdir(repository), ['v1.0.0']);
  assert.deepEqual((await readdir(join(repository, 'v1.0.0'))).toSorted(), [
    'calibrator.json',
    'lightgbm_model.txt',
    'metadata.json',
  ]);
  assert.deepEqual([...(await readFile(join(repository, 'v1.0.0/calibrator.json')))], [1, 2, 3]);
});

test('an existing version is kept, unless it is to be replaced', async () => {
  const repository = join(folder, 'existing');
  await writeArtifact({ repository, version: 'v1', replace: false }, new Map([['old', 'old']]), 'old');
  await assert.rejects(writeArtifact({ repository, version: 'v1', replace: false }, files, 'new'), {
    code: 'VERSION_EXISTS',
    message: `version v1 already exists in ${repository}: choose another version, or replace it with --force`,
  });
  assert.deepEqual((await readdir(join(repository, 'v1'))).toSorted(), ['metadata.json', 'old']);
  await writeArtifact({ repository, version: 'v1', replace: true }, files, 'new');
  assert.deepEqual((await readdir(join(repository, 'v1'))).toSorted(), [
    'calibrator.json',
    'lightgbm_model.txt',
    'metadata.json',
  ]);
  assert.deepEqual(await readdir(repository), ['v1']);
});

test('a write that fails leaves nothing of the new version, and all of the old', async () => {
  const repository = join(folder, 'failing');
  await writeArtifact({ repository, version: 'v1', replace: false }, new Map([['old', 'old']]), 'old');
  // A name in a folder that does not exist fails after the earlier files are written.
  const unwritable = new Map([...files, ['no/such/folder.txt', 'x']]);
  await assert.rejects(writeArtifact({ repository, version: 'v1', replace: true }, unwritable, 'new'), {
    code: 'OUTPUT_FAILED',
    message: /failing\/v1 could not be written: ENOENT/,
  });
  await assert.rejects(writeArtifact({ repository, version: 'v2', replace: false }, unwritable, 'new'), {
    code: 'OUTPUT_FAILED',
  });
  assert.deepEqual(await readdir(repository), ['v1']);
  assert.deepEqual((await readdir(join(repository, 'v1'))).toSorted(), ['metadata.json', 'old']);

  await writeFile(join(folder, 'file'), '');
  const inFile = { repository: join(folder, 'file'), version: 'v1', replace: true };
  await assert.rejects(writeArtifact(inFile, files, '{}'), { code: 'OUTPUT_FAILED' });
});

test('an empty folder of a version can be replaced', async () => {
  const repository = join(folder, 'emptied');
  await mkdir(join(repository, 'v1'), { recursive: true });
  await writeArtifact({ repository, version: 'v1', replace: true }, files, '{}');
  assert.equal((await readdir(join(repository, 'v1'))).length, 3);
});

test('checksums are SHA-256 by name, in alphabetical order', () => {
  assert.deepEqual(Object.entries(checksums(files)), [
    ['calibrator.json', hex(new Uint8Array([1, 2, 3]))],
    ['lightgbm_model.txt', hex('tree\n')],
  ]);
});
