/** The audit trail: its chain, what breaks it, and how it survives crashes and full disks. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { AuditTrail } from '../src/audit/trail.js';
import { verifyTrail } from '../src/audit/verify.js';
import { openLog } from '../src/telemetry/log.js';

const { logger } = openLog({ level: 'silent', predictionSample: 0 });

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lightscore-audit-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'audit.jsonl');
}

async function write(file: string, events: number, from = 0): Promise<AuditTrail> {
  const trail = await AuditTrail.open(file, logger);
  for (let i = from; i < from + events; i++)
    void trail.append({
      event: 'swap',
      actor: 'key:ops',
      outcome: 'done',
      version: `v${i}`,
      reason: i % 3 === 0 ? `«${i}» "quoted"\n` : 'plain',
    });
  await trail.close();
  return trail;
}

const lines = async (file: string): Promise<string[]> => (await readFile(file, 'utf8')).split('\n').slice(0, -1);
const broken = (entry: number, why: RegExp) => (error: Error & { code?: string }) => {
  assert.equal(error.code, 'AUDIT_BROKEN');
  assert.match(error.message, new RegExp(`: entry ${entry} is broken: `));
  assert.match(error.message, why);
  return true;
};

test('a trail verifies, and its chain continues after a restart', async (t) => {
  const file = await scratch(t);
  await write(file, 5);
  const { end } = await write(file, 5, 5);
  const verified = await verifyTrail(file);
  assert.deepEqual(verified.end, end);
  assert.equal(end.sequence, 10);
  await verifyTrail(file, { head: end.hash.toUpperCase() });
  const entries = (await lines(file)).map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    entries.map(({ version }) => version),
    Array.from({ length: 10 }, (_, i) => `v${i}`),
  );
  assert.equal(entries[0]['previous'], '0'.repeat(64));
});

test('an empty file is a trail without entries', async (t) => {
  const file = await scratch(t);
  await writeFile(file, '');
  assert.equal((await verifyTrail(file)).end.sequence, 0);
});

test('edits, removals, repetitions and swaps are found at the first entry that they break', async (t) => {
  const file = await scratch(t);
  await write(file, 8);
  const whole = await lines(file);
  const put = (changed: readonly string[]) => writeFile(file, changed.map((line) => `${line}\n`).join(''));
  const at = (i: number, line: string) => whole.with(i, line);

  await put(at(3, whole[3].replace('"key:ops"', '"key:eve"')));
  await assert.rejects(verifyTrail(file), broken(4, /contents do not match its hash/));
  await put(
    at(
      3,
      whole[3].replace(/[0-9a-f]"\}$/, (end) => `${end.startsWith('0') ? '1' : '0'}"}`),
    ),
  );
  await assert.rejects(verifyTrail(file), broken(4, /contents do not match its hash/));
  await put(whole.toSpliced(2, 1));
  await assert.rejects(verifyTrail(file), broken(3, /sequence is 4, expected 3/));
  await put(whole.slice(1));
  await assert.rejects(verifyTrail(file), broken(1, /sequence is 2, expected 1/));
  await put(whole.with(4, whole[5]).with(5, whole[4]));
  await assert.rejects(verifyTrail(file), broken(5, /sequence is 6, expected 5/));
  await put(whole.toSpliced(6, 0, whole[5]));
  await assert.rejects(verifyTrail(file), broken(7, /sequence is 6, expected 7/));
  await put(whole.toSpliced(6, 0, ''));
  await assert.rejects(verifyTrail(file), broken(7, /not an audit entry/));
  await writeFile(file, whole.join('\n').slice(0, -1));
  await assert.rejects(verifyTrail(file), broken(8, /it is incomplete/));
});

test('an entry of another trail breaks the chain, though it matches its own hash', async (t) => {
  const file = await scratch(t);
  const other = await scratch(t);
  await write(file, 5);
  await write(other, 5, 100);
  const spliced = (await lines(file)).with(2, (await lines(other))[2]);
  await writeFile(file, spliced.map((line) => `${line}\n`).join(''));
  await assert.rejects(verifyTrail(file), broken(3, /does not continue the entry before it/));
});

test('entries removed from the end are found by a hash kept elsewhere', async (t) => {
  const file = await scratch(t);
  const { end } = await write(file, 5);
  await writeFile(
    file,
    (await lines(file))
      .slice(0, 4)
      .map((line) => `${line}\n`)
      .join(''),
  );
  await verifyTrail(file);
  await assert.rejects(
    verifyTrail(file, { head: end.hash }),
    /entry 4, the last, has hash .*: later entries were removed/,
  );
});

test('whatever byte is changed, the trail is broken', async (t) => {
  const file = await scratch(t);
  await write(file, 6);
  const whole = await readFile(file);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(whole);
      changed[at] ^= change;
      await writeFile(file, changed);
      await assert.rejects(verifyTrail(file), { code: 'AUDIT_BROKEN' });
    }),
    { numRuns: 200 },
  );
});

test('an entry that was interrupted by a crash is removed, and an entry records that', async (t) => {
  const file = await scratch(t);
  await write(file, 3);
  await appendFile(file, '{"sequence":4,"time":"2026-01-01T00:00');
  await write(file, 1, 3);
  const { end } = await verifyTrail(file);
  assert.equal(end.sequence, 5);
  const recovered = JSON.parse((await lines(file))[3]) as Record<string, unknown>;
  assert.equal(recovered['event'], 'audit_recovered');
  assert.equal(recovered['bytes'], 38);
});

test('a file whose last entry is broken is not continued', async (t) => {
  const file = await scratch(t);
  await write(file, 3);
  await writeFile(file, (await readFile(file, 'utf8')).replace('"v2"', '"v9"'));
  await assert.rejects(AuditTrail.open(file, logger), {
    code: 'CONFIG_INVALID',
    message: /AUDIT_LOG: .*cannot be continued: its last entry is broken/,
  });
  await writeFile(file, 'not a trail\n');
  await assert.rejects(AuditTrail.open(file, logger), { code: 'CONFIG_INVALID' });
});

test('without a file entries go to the log, and nothing else is touched', async () => {
  const trail = await AuditTrail.open(undefined, logger);
  await trail.append({ event: 'swap', actor: 'poll', outcome: 'done' });
  await trail.close();
  assert.equal(trail.end.sequence, 1);
});

test('a trail that cannot be written loses nothing once it can again', async (t) => {
  const file = await scratch(t);
  const trail = await AuditTrail.open(file, logger);
  await trail.append({ event: 'swap', actor: 'poll', outcome: 'done', version: 'v1' });
  // A folder in its place: opening fails for everybody, root included.
  const kept = await readFile(file);
  await rm(file);
  await mkdir(file);
  await trail.append({ event: 'swap', actor: 'poll', outcome: 'done', version: 'v2' });
  assert.equal(trail.failures, 1);
  await rmdir(file);
  await writeFile(file, kept);
  await trail.append({ event: 'swap', actor: 'poll', outcome: 'done', version: 'v3' });
  await trail.close();
  assert.equal((await verifyTrail(file)).end.sequence, 3);
});

test('a file that cannot be opened is named once, with the reason', async (t) => {
  const file = await scratch(t);
  await assert.rejects(verifyTrail(file), {
    code: 'CONFIG_INVALID',
    message: `${file}: cannot be read: no such file or directory`,
  });
  const below = join(file, 'below');
  await assert.rejects(AuditTrail.open(below, logger), {
    code: 'CONFIG_INVALID',
    message: `AUDIT_LOG: ${below}: cannot be opened for writing: no such file or directory`,
  });
  await mkdir(file);
  await assert.rejects(AuditTrail.open(file, logger), {
    code: 'CONFIG_INVALID',
    message: `AUDIT_LOG: ${file}: cannot be opened for writing: it is a folder, not a file`,
  });
});
