/** The scenarios in k6: against the demo model, with requests that `npm run load` wrote, and where they do not fit. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readScenarios } from '../../loadtest/scenarios/scenarios.js';
import { load } from '../support/load-command.js';
import { program, testWith } from '../support/needs.js';
import { projectRoot } from '../support/project.js';
import { MODELS, type ServerProcess, startServer } from '../support/server.js';

const K6 = program(['k6'], 'go install go.k6.io/k6@v1.8.1');
const SCRIPT = join(projectRoot, 'loadtest/scenarios/k6.js');
/** What k6 ends with where a threshold is exceeded, and where a script ends the run. */
const MISSED = 99;
const ABORTED = 108;

interface K6Run {
  readonly code: number;
  readonly output: string;
}

function k6(settings: Readonly<Record<string, string>>, cwd = projectRoot): Promise<K6Run> {
  const args = Object.entries({ RATE: '20', DURATION: '2', P99: '2000', ...settings }).flatMap(([name, value]) => [
    '-e',
    `${name}=${value}`,
  ]);
  const env = { ...process.env, PWD: cwd, K6_NO_USAGE_REPORT: 'true' };
  return new Promise((resolve) => {
    execFile('k6', ['run', '--no-color', ...args, SCRIPT], { cwd, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` }),
    );
  });
}

async function withServer(run: (server: ServerProcess) => Promise<void>, env = {}): Promise<void> {
  const server = await startServer({ MODEL_DIR: join(projectRoot, 'models'), MODEL_VERSION: 'v1.0.0', ...env });
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

testWith([K6], 'every scenario runs against the server of the README, with every answer right', () =>
  withServer(async ({ url }) => {
    for (const SCENARIO of Object.keys(readScenarios())) {
      const { code, output } = await k6({ URL: url, SCENARIO });
      assert.equal(code, 0, output);
      assert.match(output, /checks_succeeded\.*: 100\.00%/, SCENARIO);
    }
  }),
);

testWith([K6], 'it sends the requests that npm run load wrote, and compares their scores', () =>
  withServer(async ({ url }) => {
    const folder = mkdtempSync(join(tmpdir(), 'lightscore-k6-'));
    const written = await load(['mixed', '--url', url, '--write-requests', join(folder, 'requests.json')]);
    assert.equal(written.code, 0, written.stderr);
    const right = await k6({ URL: url, SCENARIO: 'mixed', REQUESTS: 'requests.json' }, folder);
    assert.equal(right.code, 0, right.output);
    await withServer(
      async (other) => {
        const { code, output } = await k6({ URL: other.url, SCENARIO: 'mixed', REQUESTS: 'requests.json' }, folder);
        assert.equal(code, ABORTED, output);
        assert.match(output, /serves v1\.1\.0, but the requests of requests\.json have the scores of v1\.0\.0/);
      },
      { MODEL_DIR: MODELS, MODEL_VERSION: 'v1.1.0' },
    );
    rmSync(folder, { recursive: true });
  }),
);

testWith([K6], 'it says in one sentence why no load can succeed', async () => {
  const closed = await k6({ URL: 'http://127.0.0.1:9' });
  assert.equal(closed.code, ABORTED, closed.output);
  assert.match(closed.output, /http:\/\/127\.0\.0\.1:9 cannot be reached/);
  await withServer(
    async ({ url }) => {
      const { code, output } = await k6({ URL: url });
      assert.equal(code, ABORTED, output);
      assert.match(output, /refuses a request to \/score with status 401/);
    },
    { API_KEYS: 'tester:a-key-of-the-k6-test' },
  );
});

testWith([K6], 'it fails where the server is slower than the limit', () =>
  withServer(async ({ url }) => {
    const { code, output } = await k6({ URL: url, P99: '0.001' });
    assert.equal(code, MISSED, output);
  }),
);
