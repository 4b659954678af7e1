/** The figures that deploy/kubernetes rests on: the CPU of a full event loop, and the memory that bodies take. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGolden } from '../support/golden.js';
import { projectRoot } from '../support/project.js';
import { startServer } from '../support/server.js';

const golden = readGolden();
const SECONDS = 5;
const MIB = 2 ** 20;

const deployment = readFileSync(join(projectRoot, 'deploy/kubernetes/deployment.yaml'), 'utf8');

test('the process takes no less CPU than its event loop, which is what the autoscaler counts on', async (t) => {
  const server = await startServer({ PREDICTION_LOG_SAMPLE: '0', SCORING: 'pool' });
  t.after(() => server.stop());
  const body = JSON.stringify({ features: golden.rows[0] });
  const load = spawn(
    process.execPath,
    [
      join(projectRoot, 'node_modules/autocannon/autocannon.js'),
      '--connections=64',
      `--duration=${SECONDS}`,
      '--method=POST',
      `--body=${body}`,
      '--headers=content-type=application/json',
      `${server.url}/score`,
    ],
    { stdio: 'ignore' },
  );
  t.after(() => load.kill('SIGKILL'));
  const read = async () => ({
    cpu: await server.metric('process_cpu_seconds_total'),
    // Of the event loop's thread: seconds on a core.
    loop: Number(readFileSync(`/proc/${server.pid}/task/${server.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9,
  });
  while ((await server.metric('predictions_total', '{model_version="v1.0.0",variant="champion"}')) < 1000);
  const before = await read();
  await once(load, 'exit');
  const after = await read();
  const ratio = (after.cpu - before.cpu) / (after.loop - before.loop);
  t.diagnostic(`CPU of the process over that of its event loop's thread: ${ratio.toFixed(2)}`);
  assert(ratio > 0.98 && ratio < 2, `${ratio}`);
  const target = Number(
    /averageUtilization: (\d+)/.exec(readFileSync(join(projectRoot, 'deploy/kubernetes/autoscaler.yaml'), 'utf8'))?.[1],
  );
  const cores = Number(/requests:\s+cpu: "(\d+)"/.exec(deployment)?.[1]);
  assert(0.9 * Math.min(ratio, 1.5) > (cores * target * 1.1) / 100);
});

test('a hundred callers with the largest bodies stay within the memory limit of a pod', async (t) => {
  const server = await startServer({ PREDICTION_LOG_SAMPLE: '0' });
  t.after(() => server.stop());
  const resident = () => server.metric('process_resident_memory_bytes');
  const rest = await resident();
  const row = JSON.stringify({ features: golden.rows[0] });
  const rows = Math.floor(4_000_000 / (row.length + 1));
  const body = `[${Array.from({ length: Math.min(rows, 10_000) }, () => row).join()}]`;
  let most = rest;
  let over = false;
  const watched = (async () => {
    while (!over) most = Math.max(most, await resident());
  })();
  await Promise.all(
    Array.from({ length: 100 }, () =>
      server.request('/score_batch', { body, ownConnection: true }).catch(() => undefined),
    ),
  );
  over = true;
  await watched;
  t.diagnostic(`${Math.round(rest / MIB)} MiB at rest, ${Math.round(most / MIB)} MiB at most`);
  const megabytes = (kind: string): number => Number(new RegExp(`${kind}:[^}]*?memory: (\\d+)`).exec(deployment)?.[1]);
  assert(rest < megabytes('requests') * MIB, `${rest} at rest`);
  assert(most < 1024 * MIB * 0.8, `${most} at most`);
});
