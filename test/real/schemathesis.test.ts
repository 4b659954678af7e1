/** Schemathesis makes requests of the served OpenAPI document, with all its checks, and holds the answers to it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe } from 'node:test';
import { promisify } from 'node:util';
import { GENERATORS, generatorsPython } from '../support/generators.js';
import { testWith } from '../support/needs.js';
import { projectRoot } from '../support/project.js';
import { type Environment, startServer } from '../support/server.js';

const run = promisify(execFile);
const KEY = 'scoringkey-123456789';
const ADMIN = 'adminkey-123456789';
const EXPERIMENT = { version: 'v1.1.0', mode: 'ab', share: 0.5 };

interface Case {
  readonly name: string;
  readonly environment: Environment;
  readonly key?: string;
  /** The routes that are asked, as an option of Schemathesis. */
  readonly routes: readonly string[];
}

const SCORING = ['--exclude-path-regex', '^/admin'] as const;
const ADMINISTRATION = ['--include-path-regex', '^/admin'] as const;
const keys = { API_KEYS: `c:${KEY}`, ADMIN_API_KEYS: `ops:${ADMIN}`, METRICS_AUTH: '1' };

const cases: readonly Case[] = [
  { name: 'without keys', environment: {}, routes: SCORING },
  { name: 'with a key that is none', environment: keys, key: 'nobody', routes: [] },
  { name: 'with a scoring key, while an experiment runs', environment: keys, key: KEY, routes: SCORING },
  { name: 'with an admin key, while an experiment runs', environment: keys, key: ADMIN, routes: ADMINISTRATION },
];

describe('Schemathesis finds no fault', () => {
  for (const { name, environment, key, routes } of cases)
    testWith([GENERATORS], name, async (t) => {
      // It keeps its examples in the folder that it runs in.
      const cwd = mkdtempSync(join(tmpdir(), 'lightscore-schemathesis-'));
      t.after(() => rmSync(cwd, { recursive: true }));
      cpSync(join(projectRoot, 'test/real/generated/schemathesis_hooks.py'), join(cwd, 'schemathesis_hooks.py'));
      // The build of uWebSockets.js for Node 20 does not answer some of the header names that Schemathesis makes.
      const server = await startServer({ ...environment, EXPLAIN: 'shap', TRANSPORT: 'node' });
      t.after(() => server.stop());
      if (key !== undefined) {
        const headers = { 'X-API-Key': ADMIN };
        const started = await server.request('/admin/experiment', { method: 'PUT', body: EXPERIMENT, headers });
        assert.equal(started.status, 200);
      }
      const { stdout } = await run(
        join(dirname(generatorsPython), 'schemathesis'),
        [
          'run',
          `${server.url}/openapi.json`,
          '--checks=all',
          '--max-examples=100',
          '--seed=7',
          '--no-color',
          ...routes,
          ...(key === undefined ? [] : ['--header', `X-API-Key: ${key}`]),
        ],
        { cwd, env: { ...process.env, SCHEMATHESIS_HOOKS: 'schemathesis_hooks' }, maxBuffer: 64 << 20 },
      ).catch((error: { stdout?: string }) => assert.fail(String(error.stdout)));
      // Its exit code was 0; warnings of filters are its own.
      const [, generated, passed] = /(\d+) generated, (\d+) passed/.exec(stdout) ?? [];
      assert(Number(generated) > 100 && passed === generated, stdout);
    });
});
