/** What deploy/ says of the server is true: metrics, settings, time-outs, health check. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readConfig } from '../src/config/config.js';
import { projectRoot } from './support/project.js';
import { type ServerProcess, startServer } from './support/server.js';

const deployed = (file: string): string => readFileSync(join(projectRoot, 'deploy', file), 'utf8');

/** The expressions of alert rules: on the line of `expr:`, or in the block below it. */
function ruleExpressions(yaml: string): string[] {
  return [...yaml.matchAll(/^ +expr: (?:\|\n((?: {10}.*\n)+)|(.*)$)/gm)].map(([, block, line]) => block ?? line);
}

/** Every `expr` and `query` of a dashboard. */
function dashboardExpressions(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]: [string, unknown]) =>
    (key === 'expr' || key === 'query') && typeof part === 'string' ? [part] : dashboardExpressions(part),
  );
}

/** Names of our metrics in PromQL, without the suffixes of a histogram's series. */
function metricNames(expression: string): string[] {
  const names =
    expression
      .replaceAll(/"[^"]*"/g, '')
      .match(/\b(?:lightscore|predictions|prediction|model_confidence|process|nodejs)_[a-z0-9_]+/g) ?? [];
  return names.map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
}

describe('metrics', () => {
  let server: ServerProcess;
  let exported: Set<string>;
  before(async () => {
    server = await startServer();
    const { text } = await server.request('/metrics');
    exported = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]));
  });
  after(() => server.stop());

  const askedBy = {
    'the alert rules': ruleExpressions(deployed('prometheus/lightscore.rules.yaml')),
    'the dashboard': dashboardExpressions(JSON.parse(deployed('grafana/lightscore.dashboard.json'))),
  };
  for (const [what, expressions] of Object.entries(askedBy)) {
    test(`${what} ask only for metrics that the server has`, () => {
      const asked = new Set(expressions.flatMap(metricNames));
      assert.ok(asked.size > 8, `found only ${[...asked].join(' ')}`);
      assert.deepEqual(
        [...asked].filter((name) => !exported.has(name)),
        [],
      );
    });
  }
});

describe('Kubernetes', () => {
  const settings = Object.fromEntries(
    [...deployed('kubernetes/settings.yaml').matchAll(/^ {2}([A-Z][A-Z0-9_]*): (["']?)(.*?)\2$/gm)].map(
      ([, name, , value]) => [name, value],
    ),
  );
  const deployment = deployed('kubernetes/deployment.yaml');
  const seconds = (pattern: RegExp): number => Number(pattern.exec(deployment)?.[1]);

  test('the settings are settings of the server', () => {
    const { config, warnings } = readConfig(settings);
    assert.deepEqual(warnings, []);
    assert.equal(config.models.store.kind, 's3');
    assert.equal(String(config.scoring.workers), settings['WORKERS']);
  });

  test('a pod is given longer to end than the server takes to drain', () => {
    const drain = readConfig(settings).config.http.drainTimeoutMs / 1000;
    assert.ok(seconds(/preStop:\s+sleep:\s+seconds: (\d+)/) + drain < seconds(/terminationGracePeriodSeconds: (\d+)/));
  });

  test('example keys are refused, so that nobody runs with them', () => {
    const API_KEYS = /API_KEYS: (.*)/.exec(deployed('kubernetes/keys.example.yaml'))?.[1];
    assert.throws(() => readConfig({ API_KEYS }), /API_KEYS/);
  });
});

describe('the health check of the image', () => {
  const check = join(projectRoot, 'deploy/container/healthcheck.mjs');

  test('says why it fails, in one line', () => {
    assert.throws(
      () =>
        execFileSync(process.execPath, [check], {
          env: { PORT: '1', HOST: '127.0.0.1' },
          encoding: 'utf8',
          stdio: 'pipe',
        }),
      (error: Error & { status?: number; stderr?: string }) =>
        error.status === 1 && /^healthcheck: \/readyz: .*ECONNREFUSED.*\n$/.test(String(error.stderr)),
    );
  });
});
