/** What deploy/ says of the server is true: metrics, settings, time-outs, health check. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
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
  /** With keys, as the Secret has them. */
  const withKeys = { ...settings, API_KEYS: `prometheus:sha256:${'0'.repeat(64)}` };
  const deployment = deployed('kubernetes/deployment.yaml');
  const seconds = (pattern: RegExp): number => Number(pattern.exec(deployment)?.[1]);

  test('the settings are settings of the server', () => {
    const { config, warnings } = readConfig(withKeys);
    assert.deepEqual(warnings, []);
    assert.equal(config.models.store.kind, 's3');
    assert.equal(String(config.scoring.workers), settings['WORKERS']);
  });

  test('a pod is given longer to end than the server takes to drain', () => {
    const drain = readConfig(withKeys).config.http.drainTimeoutMs / 1000;
    assert.ok(seconds(/preStop:\s+sleep:\s+seconds: (\d+)/) + drain < seconds(/terminationGracePeriodSeconds: (\d+)/));
  });

  test('example keys are refused, so that nobody runs with them', () => {
    const example = deployed('kubernetes/keys.example.yaml');
    for (const name of ['API_KEYS', 'ADMIN_API_KEYS']) {
      const keys = new RegExp(`^  ${name}: (.*)$`, 'm').exec(example)?.[1];
      assert(keys !== undefined);
      assert.throws(() => readConfig({ [name]: keys }), new RegExp(name));
    }
  });

  test('running pods follow the store, as those that start later do', () => {
    const { config } = readConfig(withKeys);
    assert(config.models.pollSeconds > 0 && config.models.pollSeconds <= 60);
    assert.equal(config.models.version, undefined);
  });

  test('a pod whose event loops are full is above the target of the autoscaler, with its tolerance', () => {
    const target = Number(/averageUtilization: (\d+)/.exec(deployed('kubernetes/autoscaler.yaml'))?.[1]) / 100;
    const requested = Number(/requests:\s+cpu: "(\d+)"/.exec(deployment)?.[1]);
    const { acceptors } = readConfig(withKeys).config.http;
    assert(requested * target * 1.1 < 0.9 * acceptors, `${requested} cores, ${target}`);
  });

  test('metrics need a key, which Prometheus presents from a Secret that the example has', () => {
    assert.equal(readConfig(withKeys).config.access.metricsAuth, true);
    const monitor = deployed('kubernetes/monitoring/service-monitor.yaml');
    const [, name, key] = /credentials:\s+name: (\S+)\s+key: (\S+)/.exec(monitor) ?? [];
    const example = deployed('kubernetes/keys.example.yaml');
    assert(example.includes(`name: ${name}`) && example.includes(`  ${key}: `));
    assert.match(monitor, /^ {4}release: \S+$/m);
  });

  test('storage is limited, and holds the log files that a kubelet keeps', () => {
    const megabytes = (kind: string): number =>
      Number(new RegExp(`${kind}:(?:\\s+[\\w-]+: \\S+)*?\\s+ephemeral-storage: (\\d+)Mi`).exec(deployment)?.[1]);
    assert(megabytes('requests') >= 60);
    assert(megabytes('limits') > megabytes('requests'));
  });

  test('the network policy names what clusters need besides', () => {
    const policy = deployed('kubernetes/network-policy.yaml');
    for (const address of ['169.254.169.254/32', '169.254.170.23/32', '169.254.20.10/32', 'port: 9000'])
      assert.match(policy, new RegExp(`^ +# .*${address}`, 'm'));
  });
});

describe('the image', () => {
  const dockerfile = readFileSync(join(projectRoot, 'Dockerfile'), 'utf8');

  test('has one base, by digest', () => {
    assert.match(dockerfile, /^ARG NODE_IMAGE=\S+@sha256:[0-9a-f]{64}$/m);
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    assert.deepEqual(new Set(bases), new Set(['${NODE_IMAGE}', 'dependencies']));
  });

  test('is not restarted because it has no model: its health is that of the process', async (t) => {
    const server = await startServer(
      {
        MODEL_S3_BUCKET: 'fraud-models',
        MODEL_DIR: undefined,
        AWS_REGION: 'ca-central-1',
        AWS_ACCESS_KEY_ID: 'id',
        AWS_SECRET_ACCESS_KEY: 'secret',
        AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      },
      { until: 'listening' },
    );
    t.after(() => server.stop());
    const check = (...path: string[]) =>
      promisify(execFile)(process.execPath, [join(projectRoot, 'deploy/container/healthcheck.mjs'), ...path], {
        env: { PORT: String(server.port), HOST: '127.0.0.1' },
      });
    await check();
    await assert.rejects(check('/readyz'), /healthcheck: \/readyz: status 503/);
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
        error.status === 1 && /^healthcheck: \/livez: .*ECONNREFUSED.*\n$/.test(String(error.stderr)),
    );
  });
});
