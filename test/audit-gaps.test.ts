/** The audit trail where its disk is full, its file is moved, or somebody else writes to it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, rmdir, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { AuditTrail } from '../src/audit/trail.js';
import { verifyTrail } from '../src/audit/verify.js';
import { openLog } from '../src/telemetry/log.js';

const { logger } = openLog({ level: 'silent', predictionSample: 0 });

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lightscore-audit-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'audit.jsonl');
}

const swap = (version: string) => ({ event: 'swap', actor: 'key:ops', outcome: 'done', version }) as const;

async function entries(file: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A folder in the file's place: what refuses every write, root's too. */
async function refuseWrites(file: string): Promise<() => Promise<void>> {
  const kept = await readFile(file);
  await rm(file);
  await mkdir(file);
  return async () => {
    await rmdir(file);
    await writeFile(file, kept);
  };
}

test('entries that a stop has lost are a gap of that size, and no number is used twice', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  assert.equal(await trail.append(swap('v1')), true);
  const allow = await refuseWrites(file);
  for (const version of ['v2', 'v3', 'v4']) assert.equal(await trail.append(swap(version)), false);
  assert.equal(trail.waiting, 3);
  assert.equal(trail.end.sequence, 4);
  assert.equal(await trail.close(), true);
  assert.equal(trail.lost, 3);
  await allow();
  const next = await AuditTrail.open(file, logger);
  assert.equal(next.lost, 3);
  assert.equal(await next.append(swap('v5')), true);
  await next.close();
  const written = await entries(file);
  assert.deepEqual(
    written.map(({ sequence, event }) => [sequence, event]),
    [
      [1, 'swap'],
      [5, 'audit_gap'],
      [6, 'swap'],
    ],
  );
  assert.equal(written[1]['lost'], 3);
  const verified = await verifyTrail(file);
  assert.deepEqual([verified.entries, verified.end.sequence], [3, 6]);
  assert.deepEqual(
    verified.gaps.map(({ before, lost }) => [before, lost]),
    [[5, 3]],
  );
});

test('an end that was cut off while no server ran is a gap as well', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  for (const version of ['v1', 'v2', 'v3']) await trail.append(swap(version));
  await trail.close();
  const [first] = (await readFile(file, 'utf8')).split('\n');
  await writeFile(file, `${first}\n`);
  const next = await AuditTrail.open(file, logger);
  assert.equal(next.lost, 2);
  await next.close();
  assert.deepEqual(
    (await verifyTrail(file)).gaps.map(({ before, lost }) => [before, lost]),
    [[4, 2]],
  );
});

test('a gap whose size is not the jump in the numbers breaks the chain', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  await trail.append({ ...swap('v1'), event: 'audit_gap', lost: 7 });
  await trail.close();
  await assert.rejects(verifyTrail(file), /entry 1 is broken: its sequence is 1, expected 8/);
});

test('entries that wait are written without a further one once the disk takes them', { timeout: 30_000 }, async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  await trail.append(swap('v1'));
  const allow = await refuseWrites(file);
  assert.equal(await trail.append(swap('v2')), false);
  await allow();
  while (trail.waiting > 0) await new Promise((resolve) => setImmediate(resolve));
  await trail.close();
  assert.deepEqual(
    (await entries(file)).map(({ version }) => version),
    ['v1', 'v2'],
  );
});

test('what finds no room to wait is counted, and its gap is an entry as soon as the disk has room', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  await trail.append(swap('v1'));
  const allow = await refuseWrites(file);
  const reason = 'x'.repeat(1 << 20);
  let appended = 0;
  while (trail.lost < 5) {
    await trail.append({ ...swap('large'), reason });
    appended++;
  }
  await allow();
  await trail.close();
  const verified = await verifyTrail(file);
  assert.deepEqual(
    verified.gaps.map(({ lost }) => lost),
    [5],
  );
  assert.equal(verified.end.sequence, 1 + appended + 1);
});

test('a file that is moved under the server goes on in a new one, and both are one chain', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  await trail.append(swap('v1'));
  await rename(file, `${file}.1`);
  assert.equal(await trail.append(swap('v2')), true);
  await trail.close();
  assert.deepEqual(
    (await entries(file)).map(({ sequence, event, first }) => [sequence, event, first]),
    [
      [2, 'swap', undefined],
      [3, 'audit_moved', 2],
    ],
  );
  assert.equal((await verifyTrail(file)).begins, 2);
  const whole = await verifyTrail([`${file}.1`, file]);
  assert.deepEqual([whole.begins, whole.entries], [1, 3]);
  await assert.rejects(verifyTrail([file, `${file}.1`]), { code: 'AUDIT_BROKEN' });
});

test('a file that is deleted or emptied under the server is noticed at the next entry', async (t) => {
  for (const remove of [rm, (path: string) => truncate(path, 0)]) {
    const file = await scratch(t);
    const trail = await AuditTrail.open(file, logger);
    await trail.append(swap('v1'));
    await remove(file);
    assert.equal(await trail.append(swap('v2')), true);
    await trail.close();
    assert.deepEqual(
      (await entries(file)).map(({ event }) => event),
      ['swap', 'audit_moved'],
    );
    await verifyTrail(file);
  }
});

test('a file that is moved between two runs is continued by number and hash', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  await trail.append(swap('v1'));
  await trail.close();
  await rename(file, `${file}.1`);
  const next = await AuditTrail.open(file, logger);
  await next.append(swap('v2'));
  await next.close();
  const whole = await verifyTrail([`${file}.1`, file]);
  assert.deepEqual([whole.entries, whole.end.sequence, whole.gaps.length], [3, 3, 0]);
});

test('a trail that begins in the middle without an entry that says why is broken', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  for (const version of ['v1', 'v2', 'v3']) await trail.append(swap(version));
  await trail.close();
  const lines = (await readFile(file, 'utf8')).split('\n');
  await writeFile(file, lines.slice(1).join('\n'));
  await assert.rejects(verifyTrail(file), /entry 1 is broken: its sequence is 2, expected 1/);
});

test('what somebody else has written is not written behind: the entries wait', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  await trail.append(swap('v1'));
  await appendFile(file, 'not ours\n');
  assert.equal(await trail.append(swap('v2')), false);
  assert.equal(trail.failures, 1);
  await trail.close();
  assert.match(await readFile(file, 'utf8'), /not ours\n$/);
});

test('a second process on the same file does not start; one that has crashed leaves no lock', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  await assert.rejects(AuditTrail.open(file, logger), {
    code: 'CONFIG_INVALID',
    message:
      `AUDIT_LOG: ${file}: another process writes to it (and holds ${file}.lock); ` +
      'give each server a file of its own',
  });
  await trail.append(swap('v1'));
  await trail.close();
  // A process that ends without closing leaves its socket behind.
  const crash =
    "require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  assert.throws(() => execFileSync(process.execPath, ['-e', crash, `${file}.lock`]), { signal: 'SIGKILL' });
  const next = await AuditTrail.open(file, logger);
  await assert.rejects(AuditTrail.open(file, logger), /another process writes to it/);
  await next.close();
});

test('a path too long for a socket is locked all the same', { skip: process.platform !== 'linux' }, async (t) => {
  const folder = join(await scratch(t), '..', 'x'.repeat(120));
  await mkdir(folder);
  const file = join(folder, 'audit.jsonl');
  const trail = await AuditTrail.open(file, logger);
  await assert.rejects(AuditTrail.open(file, logger), /another process writes to it/);
  await trail.close();
});

test('a pipe or a device is no audit trail', async (t) => {
  const file = await scratch(t);
  execFileSync('mkfifo', [file]);
  for (const path of [file, '/dev/full'])
    await assert.rejects(AuditTrail.open(path, logger), {
      code: 'CONFIG_INVALID',
      message: `AUDIT_LOG: ${path}: cannot be an audit trail: it is a pipe, a socket or a device, not a file`,
    });
});
