/** The build of native LightGBM and its lock, tried on a project of a few lines. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { LightscoreError } from '../src/errors.js';
import { buildLightGBM, type LightGBMSource, missingForBuild } from '../src/native/build.js';
import { withBuildLock } from '../src/native/build-lock.js';

const folder = await mkdtemp(join(tmpdir(), 'lightscore-build-'));
after(async () => await rm(folder, { recursive: true }));

const missing = missingForBuild();
const needsCompiler = missing === undefined || process.env['CI'] === 'true' ? {} : { skip: missing };

/** A project of a few lines instead of LightGBM's, built in the same way. */
async function smallProject(name: string, code: string): Promise<LightGBMSource> {
  const source = join(folder, name);
  await mkdir(source);
  await writeFile(
    join(source, 'CMakeLists.txt'),
    'cmake_minimum_required(VERSION 3.10)\nproject(small LANGUAGES CXX)\nadd_library(_lightgbm SHARED small.cpp)\n',
  );
  await writeFile(join(source, 'small.cpp'), code);
  return { folder: source, version: '0.0.1', library: join(folder, '.native', name, 'lib_lightgbm.so') };
}

test(
  'of two builds at the same time one runs, and leaves nothing but the library and its log',
  needsCompiler,
  async () => {
    const source = await smallProject('good', 'extern "C" int answer() { return 42; }\n');
    const lines: string[] = [];
    const paths = await Promise.all([
      buildLightGBM(source, (line) => lines.push(line)),
      buildLightGBM(source, (line) => lines.push(line)),
    ]);
    assert.deepEqual(paths, [source.library, source.library]);
    assert.ok(existsSync(source.library));
    assert.equal(lines.filter((line) => line.startsWith('built LightGBM in')).length, 1, lines.join('\n'));
    assert.deepEqual((await readdir(join(folder, '.native'))).toSorted(), ['good', 'good.log']);

    await buildLightGBM(source, (line) => assert.fail(`built again: ${line}`));
  },
);

test(
  'a build that fails gives the reason in one line, keeps its log and leaves no library',
  needsCompiler,
  async () => {
    const source = await smallProject('bad', 'int answer() { return forty_two; }\n');
    await assert.rejects(
      buildLightGBM(source, () => undefined),
      (error: unknown) => {
        assert.ok(error instanceof LightscoreError);
        assert.equal(error.code, 'NATIVE_UNAVAILABLE');
        assert.match(
          error.message,
          /^native LightGBM is not available: the build failed: .*error: .*forty_two.* \(log in .*bad\.log\)$/,
        );
        return true;
      },
    );
    assert.match(await readFile(join(folder, '.native/bad.log'), 'utf8'), /forty_two/);
    assert.deepEqual(
      (await readdir(join(folder, '.native'))).filter((name) => name.startsWith('bad')),
      ['bad.log'],
    );
  },
);

test('without cmake, make or a compiler the message names each of them', async () => {
  const { PATH, CXX } = process.env;
  process.env['PATH'] = folder;
  delete process.env['CXX'];
  try {
    const source = { folder, version: '0', library: join(folder, '.native/never/lib_lightgbm.so') };
    await assert.rejects(buildLightGBM(source), {
      code: 'NATIVE_UNAVAILABLE',
      message:
        'native LightGBM is not available: cmake and make and a C++ compiler not found ' +
        '(on Debian: apt-get install cmake g++ make)',
    });
  } finally {
    process.env['PATH'] = PATH;
    if (CXX !== undefined) process.env['CXX'] = CXX;
  }
});

test('the build lock has one holder at a time; the next one reports that it waits', async () => {
  const path = join(folder, 'shared.lock');
  const events: string[] = [];
  const release = new EventEmitter();
  const first = withBuildLock(
    path,
    () => undefined,
    async () => {
      events.push('first in');
      release.emit('taken');
      await once(release, 'now');
      events.push('first out');
    },
  );
  // The first to ask for the lock is not always the first to get it.
  await once(release, 'taken');
  const second = withBuildLock(
    path,
    (line) => {
      events.push(line.includes('waiting') ? 'second waits' : line);
      release.emit('now');
    },
    async (scratch) => {
      events.push('second in');
      assert.deepEqual(await readdir(scratch), []);
    },
  );
  await Promise.all([first, second]);
  assert.deepEqual(events, ['first in', 'second waits', 'first out', 'second in']);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('shared')),
    [],
  );
});

test('a lock whose holder was killed is taken over, and the files of the holder are removed', async () => {
  const path = join(folder, 'killed.lock');
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  const left = `${path}-some-id`;
  await mkdir(left);
  await writeFile(join(left, 'half.o'), 'half');
  await writeFile(path, JSON.stringify({ pid: child.pid, host: hostname(), id: 'some-id' }));
  let ran = false;
  await withBuildLock(
    path,
    () => assert.fail('it waited'),
    async () => {
      ran = true;
      assert.ok(!existsSync(left));
      await Promise.resolve();
    },
  );
  assert.ok(ran);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('killed')),
    [],
  );
});

test('a lock of another machine is taken over when its heartbeat has stopped', async () => {
  const path = join(folder, 'remote.lock');
  await writeFile(path, JSON.stringify({ pid: process.pid, host: `not-${hostname()}`, id: 'remote-id' }));
  const longAgo = new Date(Date.now() - 3_600_000);
  await utimes(path, longAgo, longAgo);
  await withBuildLock(
    path,
    () => assert.fail('it waited'),
    async () => await Promise.resolve(),
  );
  assert.ok(!existsSync(path));
});

test('a lock is released when the work fails', async () => {
  const path = join(folder, 'failed.lock');
  await assert.rejects(
    withBuildLock(
      path,
      () => undefined,
      () => Promise.reject(new Error('no')),
    ),
    { message: 'no' },
  );
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('failed')),
    [],
  );
});
