/** The tables of docs/reference say what the code does: problems, metrics and settings. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readConfig } from '../src/config/config.js';
import { VARIABLES } from '../src/config/misspelled.js';
import { DEFAULTS } from '../src/config/settings.js';
import { PROBLEMS, type ProblemCode, problemAnchor } from '../src/contract/problem.js';
import { ERRORS } from '../src/errors.js';
import { Metrics } from '../src/telemetry/metrics.js';
import { projectRoot } from './support/project.js';

/** The cells of every row of a page's tables, of which each has a name in code as its first cell. */
function rowsOf(page: string): string[][] {
  const text = readFileSync(join(projectRoot, 'docs/reference', page), 'utf8');
  return [...text.matchAll(/^\| `.*$/gm)].map(([row]) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const code = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);

test('http-api.md has every problem with its status and explanation', () => {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  const expected = codes.map((problem) => [
    `\`${problemAnchor(problem)}\``,
    String(PROBLEMS[problem].status),
    PROBLEMS[problem].detail,
  ]);
  const known = new Set(codes.map((problem) => `\`${problemAnchor(problem)}\``));
  assert.deepEqual(
    rowsOf('http-api.md').filter(([name]) => known.has(name)),
    expected,
  );
});

describe('metrics.md', () => {
  const readings = (): never => assert.fail('nothing is scraped');
  const registry = new Metrics().registry(readings);
  const own = registry
    .getMetricsAsArray()
    .filter(({ name }) => !/^(process|nodejs)_/.test(name))
    .map(({ name, help, type }) => ({ name, help, type: String(type) }));
  const rows = rowsOf('metrics.md').map(([name, type, labels, help, alerts]) => ({
    name: code(name)[0],
    type,
    labels: code(labels),
    help,
    alerts: alerts.split(', ').filter((alert) => alert !== ''),
  }));

  test('has every metric of the server, its type and what it counts', () => {
    assert.deepEqual(
      rows.map(({ name, type, help }) => `${name} ${type} ${help}`).toSorted(),
      own.map(({ name, type, help }) => `${name} ${type} ${help}`).toSorted(),
    );
  });

  test('has every alert beside the metrics that it asks for', () => {
    const rules = readFileSync(join(projectRoot, 'deploy/prometheus/lightscore.rules.yaml'), 'utf8');
    const asked = rules
      .split(/^ +- alert: /m)
      .slice(1)
      .flatMap((rule) => {
        const [, block, line] = /^ +expr: (?:\|\n((?: {10}.*\n)+)|(.*)$)/m.exec(rule) ?? [];
        const expression = (block ?? line).replaceAll(/"[^"]*"/g, '');
        const names = (expression.match(/\w+/g) ?? []).map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
        const [alert] = /^\w+/.exec(rule) ?? [''];
        return rows.filter(({ name }) => names.includes(name)).map(({ name }) => `${name} ${alert}`);
      });
    assert.deepEqual(
      rows.flatMap(({ name, alerts }) => alerts.map((alert) => `${name} ${alert}`)).toSorted(),
      [...new Set(asked)].toSorted(),
    );
  });
});

describe('configuration.md', () => {
  const rows = new Map(
    rowsOf('configuration.md').map(([variable, flag, fallback]) => [
      code(variable)[0],
      { flag: code(flag)[0], fallback },
    ]),
  );
  /** Read by admin commands, not by `serve`. */
  const ofCommands = new Set(['LIGHTSCORE_URL', 'LIGHTSCORE_ADMIN_KEY']);

  for (const variable of VARIABLES.filter((name) => !ofCommands.has(name))) {
    test(`has ${variable}, its flag and its default`, () => {
      const row = rows.get(variable);
      assert(row !== undefined, 'it has no row');
      assert.equal(row.flag, `--${variable.toLowerCase().replaceAll('_', '-')}`);
      if (variable === 'WORKERS') assert.equal(row.fallback, 'cores - `ACCEPTORS`');
      else if (variable === 'MAX_CONNECTIONS') assert.equal(row.fallback, 'descriptors - 64');
      else {
        const value: unknown = Object.hasOwn(DEFAULTS, variable) ? DEFAULTS[variable as keyof typeof DEFAULTS] : 'none';
        const shown = typeof value === 'boolean' ? Number(value) : value;
        assert.equal(row.fallback.replaceAll('`', ''), String(shown));
      }
    });
  }

  test('has no setting that the server does not have', () => {
    const { warnings } = readConfig({});
    assert.deepEqual(warnings, []);
    const known: ReadonlySet<string> = new Set(VARIABLES);
    const settings = [...rows].filter(([, { flag }]) => flag?.startsWith('--'));
    assert.deepEqual(
      settings.map(([variable]) => variable).filter((variable) => !known.has(variable)),
      [],
    );
  });
});

test('command-line.md has every exit code of the errors', () => {
  const text = readFileSync(join(projectRoot, 'docs/reference/command-line.md'), 'utf8');
  const [, section] = /^## Exit codes$([^]*?)^## /m.exec(text) ?? [];
  const stated = [...section.matchAll(/^\| +(\d+) \|/gm)].map(([, exit]) => Number(exit));
  const exits = new Set([0, ...Object.values(ERRORS).map(({ exit }) => exit)]);
  assert.deepEqual(new Set(stated), exits);
});
