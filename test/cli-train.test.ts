/** `lightscore train` from the shell: its options, its exit codes, and how it ends where it is stopped. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { type Finished, runCli } from './support/cli-process.js';
import { needsNative } from './support/native.js';
import { type S3Server, startS3Server } from './support/s3-server.js';
import { CLI } from './support/server.js';

let folder: string;
let bucket: S3Server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lightscore-cli-train-'));
  bucket = await startS3Server('models-bucket');
  await writeFile(join(folder, 'few-trees.json'), '{"num_iterations": 12}');
  await writeFile(join(folder, 'one-split.json'), '{"num_iterations": 1, "num_leaves": 2}');
  await writeFile(join(folder, 'endless.json'), '{"num_iterations": 100000, "early_stopping_round": 100000}');
  await writeFile(join(folder, 'no-json.json'), '{"num_iterations": ');
  const { code, stderr } = await run(['data', '--rows', '15000', '--seed', '7', '--out', 'data']);
  assert.equal(code, 0, stderr);
});
after(async () => {
  await bucket.close();
  await rm(folder, { recursive: true });
});

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return runCli(args, { cwd: folder, env: { AWS_ENDPOINT_URL_S3: bucket.endpoint, ...env } });
}

const train = (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finished> =>
  run(['train', '--data', 'data', '--out', 'models', ...args], env);

test('a version is trained, dated, published, and a worse one is refused', needsNative(), async () => {
  const first = await train(['--version', 'v1.0.0', '--params', 'few-trees.json', '--cv', '2'], {
    SOURCE_DATE_EPOCH: '1767225600',
  });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, 'models/v1.0.0\n');
  assert.match(first.stderr, /^cross-validation \(2 folds\): AUC 0\.\d{4}/m);
  const metadata: Record<string, unknown> = JSON.parse(
    await readFile(join(folder, 'models/v1.0.0/metadata.json'), 'utf8'),
  );
  assert.equal(metadata['training_date'], '2026-01-01T00:00:00Z');

  const published = await run(['publish', 'models/v1.0.0', '--to', 's3://models-bucket/models', '--activate']);
  assert.equal(published.code, 0, published.stderr);
  const poor = ['--version', 'v1.0.1', '--params', 'one-split.json', '--against'];
  for (const against of ['models/v1.0.0', 's3://models-bucket/models/v1.0.0']) {
    const worse = await train([...poor, against]);
    assert.equal(worse.code, 1);
    assert.match(worse.stderr, /^lightscore: v1\.0\.1 is worse than v1\.0\.0 and was not written: AUC-ROC /m);
  }
  const limits = ['--max-auc-drop', '1', '--max-auc-pr-drop', '1', '--max-calibration-error-rise', '1'];
  const waived = await train([...poor, 'models/v1.0.0', ...limits]);
  assert.equal(waived.code, 0, waived.stderr);
  assert.deepEqual((await readdir(join(folder, 'models'))).toSorted(), ['v1.0.0', 'v1.0.1']);
});

test('SIGTERM ends a run with one line, and nothing of the version is left', needsNative(), async () => {
  const args = ['train', '--data', 'data', '--out', 'stopped', '--version', 'v1', '--params', 'endless.json'];
  const child = spawn(process.execPath, [CLI, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    if (line.startsWith('training on ')) child.kill('SIGTERM');
  }
  await closed;
  assert.equal(child.exitCode, 1);
  assert.match(lines.at(-1) ?? '', /^lightscore: interrupted at iteration \d+: nothing was written$/);
  assert((await readdir(folder)).every((name) => name !== 'stopped'));
});

test('what is wrong with the command line is told in one line, before anything is trained', async () => {
  for (const [args, code, message] of [
    [['--version', 'v1', '--out', 's3://models-bucket/models'], 2, /^--out s3:\/\/models-bucket\/models: must be a fo/],
    [
      ['--version', 'v1', '--params', 'absent.json'],
      2,
      /^--params absent\.json: cannot be read: no such file or directory\n$/,
    ],
    [['--version', 'v1', '--params', 'no-json.json'], 2, /^--params no-json\.json: is not JSON\n$/],
    [['--version', 'v1', '--against', 'models/v9'], 1, /there is no version v9\n$/],
  ] as const) {
    const { code: actual, stderr, stdout } = await train(args);
    assert.equal(actual, code, stderr);
    assert.match(stderr.replace(/^lightscore: /, ''), message);
    assert.equal(stdout, '');
  }
  for (const [option, value, message] of [
    ['--version', '../v1', /letters, digits and \._\+- after a first letter or digit/],
    ['--cv', '1', /must be a whole number from 2 to 100\./],
    ['--threads', 'all', /must be a whole number from 1 to 1024\./],
    ['--max-auc-drop', 'none', /must be a number, such as 0\.002\./],
  ] as const) {
    const { code, stderr } = await train(['--version', 'v1', option, value]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});

test('a training date that is none is refused', needsNative(), async () => {
  const { code, stderr } = await train(['--version', 'v3'], { SOURCE_DATE_EPOCH: 'yesterday' });
  assert.equal(code, 2);
  assert.equal(stderr, 'lightscore: SOURCE_DATE_EPOCH: must be whole seconds since 1970, not "yesterday"\n');
});
