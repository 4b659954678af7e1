/** The guard's benchmark: its options, statistics, headers and work trees, without a measurement. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { BASE_COMMIT, STEP_ALLOWANCE, readAllowance, verdict } from '../loadtest/guard/allowance.js';
import { otherCommit, resolveCommit, workingTree } from '../loadtest/guard/checkout.js';
import { medianInterval } from '../loadtest/guard/median-interval.js';
import type { Pair } from '../loadtest/guard/paired.js';
import { LoadGenerator, type Target } from '../loadtest/load/load.js';
import { processCpuSeconds } from '../loadtest/load/process-clock.js';
import { readOptions } from '../loadtest/options.js';
import { writeMarkdown } from '../loadtest/report/markdown.js';
import { median } from '../loadtest/report/section.js';
import { costReport } from '../loadtest/sections/cost.js';
import { EFFORT } from '../loadtest/sections/run.js';
import { startCheckout } from '../loadtest/servers/process.js';
import { rowRequests } from '../loadtest/traffic/bodies.js';
import { checkedSingles } from '../loadtest/traffic/checked.js';
import { MODEL_FOLDER, MODEL_VERSION, loadDemoModel } from '../loadtest/traffic/demo-model.js';
import { HEADER_COUNTS, withProxiedHeaders } from '../loadtest/traffic/headers.js';
import { Random } from '../src/train/random.js';
import { projectRoot } from './support/project.js';

const linuxOnly = process.platform === 'linux' ? {} : { skip: "the load generator needs Linux's epoll" };
const withGit =
  spawnSync('git', ['--version']).status === 0 && spawnSync('npm', ['--version']).status === 0
    ? {}
    : { skip: 'git and npm are needed' };

describe('options of the benchmark', () => {
  const sections = ['http', 'kernel'];
  const read = (...args: readonly string[]) => readOptions(args, sections);

  test('cost is part of a run only where a commit to compare with is named', () => {
    assert.deepEqual(read().names, sections);
    assert.equal(read().against, undefined);
    assert.deepEqual(read('--against', 'abc').names, [...sections, 'cost']);
    const { names, against, step, quick } = read('--only', 'cost', '--against', 'HEAD~3', '--quick');
    assert.deepEqual(
      { names, against, step, quick },
      {
        names: ['cost'],
        against: 'HEAD~3',
        step: STEP_ALLOWANCE,
        quick: true,
      },
    );
    assert.equal(read('--against', 'abc', '--allow', '6,12').step.plain, 1.06);
  });

  test('a mistake is refused in one line', () => {
    const mistakes: readonly (readonly [args: string, message: RegExp])[] = [
      ['--only cost', /cost needs --against COMMIT/],
      ['--against', /--against.*missing/],
      ['--only cost --against --quick', /--against needs a commit/],
      ['--only http --against abc', /--against belongs to the section cost/],
      ['--allow 4,10', /--allow needs --against/],
      ['--against abc --allow 4', /two percentages, such as 6,12, not "4"/],
      ['--against abc --allow=-4,10', /two percentages/],
      ['--only nothing', /no section nothing; there are http, kernel, cost/],
    ];
    for (const [args, message] of mistakes)
      assert.throws(
        () => read(...args.split(' ')),
        (error: Error) => message.test(error.message) && !error.message.includes('\n'),
        args,
      );
  });
});

describe('the interval of a median', () => {
  test('lies between the order statistics that the sign test names', () => {
    const ranks = (count: number) => medianInterval(Array.from({ length: count }, (_, i) => i + 1));
    assert.equal(ranks(0), undefined);
    assert.equal(ranks(5), undefined);
    // The ranks that tables of the sign test give for 95%.
    assert.deepEqual(ranks(6), { low: 1, high: 6 });
    assert.deepEqual(ranks(9), { low: 2, high: 8 });
    assert.deepEqual(ranks(15), { low: 4, high: 12 });
    assert.deepEqual(ranks(25), { low: 8, high: 18 });
  });

  test('holds the median of the values, whatever their order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, min: 1e-9, max: 1e9 }), { minLength: 6, maxLength: 25 }),
        (values) => {
          const interval = medianInterval(values);
          assert.ok(interval !== undefined && interval.low <= median(values) && median(values) <= interval.high);
          assert.deepEqual(medianInterval(values.toReversed()), interval);
        },
      ),
    );
  });

  test('holds the median of a skewed distribution in 95 of 100 samples', () => {
    const random = new Random(1);
    const samples = 4000;
    let held = 0;
    for (let i = 0; i < samples; i++) {
      const interval = medianInterval(Array.from({ length: 11 }, () => random.uniform() ** 4));
      if (interval !== undefined && interval.low <= 0.5 ** 4 && interval.high >= 0.5 ** 4) held++;
    }
    assert.ok(held / samples >= 0.95, `${held} of ${samples}`);
  });
});

test('an allowance is read from percentages, and held against a ratio and its interval', () => {
  assert.deepEqual(readAllowance('4,10'), STEP_ALLOWANCE);
  assert.equal(readAllowance('6'), undefined);
  assert.equal(readAllowance('6,12,3'), undefined);
  assert.equal(verdict(1.03, { low: 1.02, high: 1.035 }, 1.04), 'yes');
  assert.equal(verdict(1.03, undefined, 1.04), 'yes');
  assert.equal(verdict(1.03, { low: 1.02, high: 1.05 }, 1.04), 'yes, but the interval passes it');
  assert.equal(verdict(1.05, { low: 1.03, high: 1.06 }, 1.04), 'no, but the interval begins below it');
  assert.equal(verdict(1.05, { low: 1.045, high: 1.06 }, 1.04), 'no');
});

describe('the report of a comparison', () => {
  const pairs = (ratio: number): Pair[] =>
    Array.from({ length: 6 }, (_, i) => ({ own: 10 * ratio + i, other: 10 + i }));
  const report = (commit: string): string => {
    const section = costReport({
      names: { own: 'aaaaaaa', other: 'bbbbbbb' },
      comparison: { commit, step: STEP_ALLOWANCE },
      costs: { plain: pairs(1), proxied: pairs(1.5) },
      starts: { pairs: pairs(1.07), withNative: { own: true, other: false } },
      effort: EFFORT.full,
    });
    return writeMarkdown({ when: '2026-01-01T00:00:00.000Z', machine: 'any', quick: false, sections: [section] });
  };

  test('shows both limits and judges by that from a first commit', () => {
    const markdown = report('0'.repeat(40));
    assert.match(
      markdown,
      /3 headers: wrk's \| 12.5 \| 12.5 \| 1.000 \| 1.000 to 1.000 \(0.0%\) \| 6 \| 1.040 \| 1.080 \| yes/,
    );
    assert.match(markdown, /11 headers: .* \| 6 \| 1.100 \| 1.200 \| no \|/);
    assert.match(markdown, /start to ready.* \| 1.050 \| 1.100 \| no/);
    assert.match(markdown, /self-check of aaaaaaa only: the starts cannot be compared/);
    assert.match(markdown, /measure again on a quieter machine/);
  });

  test('judges by the larger limit against the base commit', () => {
    assert.match(report(BASE_COMMIT), /start to ready.* \| 1.050 \| 1.100 \| yes/);
  });
});

describe('load in turn', linuxOnly, () => {
  test('carries wrk’s three headers, or eleven, and reaches one server at a time', async (t) => {
    const requests = [{ body: '{"features":[1]}', begins: '{"ok"', ends: '}' }];
    const seen: { readonly server: string; readonly headers: readonly string[] }[] = [];
    const target = async (server: string, plan: Pick<Target, 'requests'>): Promise<Target> => {
      const port = await listen(t, ({ rawHeaders }) =>
        seen.push({ server, headers: rawHeaders.filter((_, i) => i % 2 === 0) }),
      );
      return { ...plan, port, path: '/score' };
    };
    const targets = [await target('a', { requests }), await target('b', { requests: withProxiedHeaders(requests) })];
    const generator = new LoadGenerator();
    try {
      const results = await generator.alternate({
        targets,
        connections: 3,
        sliceSeconds: 0.05,
        slices: 2,
        apart: true,
      });
      for (const [i, { requests: answered, wrong, closed }] of results.entries())
        assert.deepEqual(
          { answered, wrong, closed },
          { answered: seen.filter(({ server }) => server === 'ab'[i]).length, wrong: 0, closed: 0 },
        );
    } finally {
      await generator.close();
    }
    assert.equal(
      seen
        .map(({ server }) => server)
        .join('')
        .replaceAll(/(.)\1+/g, '$1'),
      'aba',
    );
    const headersOf = (name: string) => seen.find(({ server }) => server === name)?.headers.toSorted();
    assert.deepEqual(headersOf('a'), ['Content-Length', 'Content-Type', 'Host']);
    assert.deepEqual(headersOf('b'), [
      'Accept-Encoding',
      'Content-Length',
      'Content-Type',
      'Forwarded',
      'Host',
      'User-Agent',
      'X-Forwarded-For',
      'X-Forwarded-Host',
      'X-Forwarded-Proto',
      'X-Request-ID',
      'traceparent',
    ]);
    assert.deepEqual(HEADER_COUNTS, { plain: 3, proxied: 11 });
  });

  test('is answered right by a checkout with either set of headers', async () => {
    const model = await loadDemoModel();
    const bodies = rowRequests({ seed: 1, count: 8, featureNames: model.featureNames, examples: model.examples });
    const checkout = { name: 'this one', folder: projectRoot };
    const server = await startCheckout(checkout, { MODEL_DIR: MODEL_FOLDER, MODEL_VERSION });
    const generator = new LoadGenerator();
    try {
      const plain = await checkedSingles(server.origin, '/score', bodies, model);
      const targets = [plain, withProxiedHeaders(plain)].map((requests) => ({
        port: server.port,
        path: '/score',
        requests,
      }));
      const before = server.cpuSeconds();
      const results = await generator.alternate({ targets, connections: 4, sliceSeconds: 0.1, slices: 2, apart: true });
      for (const { requests, wrong, closed } of results)
        assert.deepEqual({ some: requests > 0, wrong, closed }, { some: true, wrong: 0, closed: 0 });
      assert.ok(server.cpuSeconds() > before);
    } finally {
      await generator.close();
      await server.stop();
    }
  });

  test('the CPU clock of a process keeps what an ended thread has had', async () => {
    const before = processCpuSeconds(process.pid);
    const busy = 'const end = performance.now() + 200; while (performance.now() < end);';
    await once(new Worker(busy, { eval: true }), 'exit');
    const { user, system } = process.cpuUsage();
    const after = processCpuSeconds(process.pid);
    assert.ok(after > before);
    // The kernel rounds what cpuUsage reports.
    assert.ok(Math.abs(after - (user + system) / 1e6) < 0.1, `${after} s, ${user} and ${system} us`);
    // One more than the largest number of a process.
    assert.throws(() => processCpuSeconds(2 ** 22 + 1), /no CPU clock/);
  });
});

/** @returns the port of a server that answers what the guard's requests expect here */
async function listen(t: TestContext, onRequest: (request: IncomingMessage) => void): Promise<number> {
  const server = createServer((request, response) => {
    onRequest(request);
    request.resume().once('end', () => response.end('{"ok":1}'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

describe('a work tree of another commit', withGit, () => {
  /** A repository of two commits, whose build copies `source` to `dist/built` and counts. */
  function repository(t: TestContext): { readonly folder: string; readonly commits: readonly string[] } {
    const folder = mkdtempSync(join(tmpdir(), 'lightscore-guard-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const git = (...args: readonly string[]): string => {
      const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
      const { status, stdout, stderr } = spawnSync('git', ['-C', folder, ...identity, ...args], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return stdout.trim();
    };
    const name = { name: 'tiny', version: '1.0.0' };
    const lock = { ...name, lockfileVersion: 3, requires: true, packages: { '': name } };
    const build = `
      const { appendFileSync, copyFileSync, mkdirSync } = require('node:fs');
      mkdirSync('dist', { recursive: true });
      copyFileSync('source', 'dist/built');
      appendFileSync('dist/count', '.');`;
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...name, scripts: { build: 'node build.cjs' } }));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
    writeFileSync(join(folder, 'build.cjs'), build);
    writeFileSync(join(folder, '.gitignore'), '.bench/\ndist/\nnode_modules/\n.native\n');
    git('init', '--quiet');
    const commits = ['first', 'second'].map((text) => {
      writeFileSync(join(folder, 'source'), text);
      git('add', '.');
      git('commit', '--quiet', '--message', text);
      return git('rev-parse', 'HEAD');
    });
    return { folder, commits };
  }

  test('is checked out, installed and built once, and again where it was removed', async (t) => {
    const { folder, commits } = repository(t);
    const steps: string[] = [];
    const build = () => otherCommit(folder, commits[0], (line) => steps.push(line.split(' ')[0]));
    const other = await build();
    assert.equal(other.name, commits[0].slice(0, 7));
    assert.equal(readFileSync(join(other.folder, 'dist/built'), 'utf8'), 'first');
    assert.equal(readFileSync(join(folder, 'source'), 'utf8'), 'second');
    await build();
    assert.deepEqual(steps, ['checking', 'installing', 'building', 'building']);
    assert.equal(readFileSync(join(other.folder, 'dist/count'), 'utf8'), '..');
    rmSync(other.folder, { recursive: true });
    await build();
    assert.equal(readFileSync(join(other.folder, 'dist/built'), 'utf8'), 'first');
    assert.equal(existsSync(join(other.folder, '.native')), false);
    mkdirSync(join(folder, 'node_modules'));
    mkdirSync(join(folder, '.native'));
    await build();
    assert.equal(readlinkSync(join(other.folder, '.native')), join(folder, '.native'));
  });

  test('is named as git names commits, and a name that is none is found out', (t) => {
    const { folder, commits } = repository(t);
    assert.equal(resolveCommit(folder, 'HEAD~1'), commits[0]);
    assert.equal(resolveCommit(folder, commits[1].slice(0, 8)), commits[1]);
    for (const name of ['nothing', '0'.repeat(40), 'HEAD~9', '--all', 'HEAD:source'])
      assert.equal(resolveCommit(folder, name), undefined, name);
    assert.equal(workingTree(folder).name, commits[1].slice(0, 7));
    writeFileSync(join(folder, 'source'), 'third');
    assert.equal(workingTree(folder).name, `${commits[1].slice(0, 7)} + changes`);
  });

  test('a build that fails says what it said', async (t) => {
    const { folder } = repository(t);
    writeFileSync(join(folder, 'build.cjs'), 'throw new Error("no such luck")');
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
    spawnSync('git', ['-C', folder, ...identity, 'commit', '--quiet', '--all', '--message', 'third']);
    const commit = resolveCommit(folder, 'HEAD') ?? '';
    await assert.rejects(
      otherCommit(folder, commit, () => undefined),
      /npm run build failed in .*no such luck/s,
    );
  });
});
