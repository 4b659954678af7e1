/** The benchmark's parts: generated requests, the load generator, quantiles and reports. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { LatencyHistogram } from '../loadtest/load/latency-histogram.js';
import { LoadGenerator } from '../loadtest/load/load.js';
import { summary, writeMarkdown } from '../loadtest/report/markdown.js';
import { onTwoLines, writePage } from '../loadtest/report/page.js';
import type { Section } from '../loadtest/report/section.js';
import { startBare, startLightscore } from '../loadtest/servers/process.js';
import { batchBodies, rowRequests } from '../loadtest/traffic/bodies.js';
import { checkedSingles } from '../loadtest/traffic/checked.js';
import { exampleRows, loadDemoModel } from '../loadtest/traffic/demo-model.js';
import { drawRow } from '../loadtest/traffic/rows.js';
import { validateScoreBatchRequest, validateScoreRequest } from '../src/contract/validators.generated.js';
import { Random } from '../src/train/random.js';

const NAMES = Array.from({ length: 15 }, (_, i) => `feature ${i}`);
const linuxOnly = process.platform === 'linux' ? {} : { skip: "the load generator needs Linux's epoll" };

describe('generated requests', () => {
  test('are the same for the same seed and others for another', () => {
    const mix = { count: 50, featureNames: NAMES, examples: exampleRows() };
    assert.deepEqual(rowRequests({ ...mix, seed: 7 }), rowRequests({ ...mix, seed: 7 }));
    assert.notDeepEqual(rowRequests({ ...mix, seed: 7 }), rowRequests({ ...mix, seed: 8 }));
  });

  test('are valid, with names in their order, in another and without, and say what their row says', () => {
    const requests = rowRequests({ seed: 1, count: 300, featureNames: NAMES, examples: exampleRows() });
    const kinds = new Set<string>();
    for (const { row, json, requestId } of requests) {
      const body: unknown = JSON.parse(json);
      assert.ok(validateScoreRequest(body));
      assert.equal(body.request_id, requestId);
      const names = body.feature_names ?? NAMES;
      assert.deepEqual(names.toSorted(), NAMES.toSorted());
      names.forEach((name, i) => assert.equal(body.features[i], row[NAMES.indexOf(name)]));
      kinds.add(
        body.feature_names === undefined
          ? 'without'
          : names.every((name, i) => name === NAMES[i])
            ? 'in order'
            : 'otherwise',
      );
    }
    assert.deepEqual([...kinds].toSorted(), ['in order', 'otherwise', 'without']);
    assert.ok(requests.some(({ row }) => row.includes(null)));
    const [batch] = batchBodies(requests, { rows: 40, count: 1 });
    const body: unknown = JSON.parse(batch.body);
    assert.ok(validateScoreBatchRequest(body) && body.length === 40);
  });

  test('hold values between those of the examples', () => {
    const examples = exampleRows();
    const bounds = NAMES.map((_, feature) => {
      const values = examples.map((row) => row[feature]).filter((value) => value !== null);
      return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    });
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        drawRow(new Random(seed), examples).forEach((value, feature) =>
          assert.ok(value === null || (value >= bounds[feature][0] && value <= bounds[feature][1])),
        );
      }),
    );
  });
});

test('a latency quantile is at most 1% above the exact one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (latencies, share) => {
        const histogram = new LatencyHistogram();
        for (const latency of latencies) histogram.record(latency);
        const exact = latencies.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(share * latencies.length) - 1)];
        const got = histogram.quantile(share);
        assert.ok(got >= exact * 0.9999999 && got <= exact * 1.01 + 2e-6, `${got} for ${exact}`);
      },
    ),
  );
});

test('the report has every table, figure and target, and escapes what it is given', () => {
  const points = [
    [1, 2],
    [10, 300],
  ] as const;
  const section: Section = {
    id: 'sample',
    title: 'A <title>',
    found: 'It takes 3 < 4.',
    about: 'About & more',
    tables: [{ title: 'Numbers', columns: ['what', 'how much'], rows: [['a | b', 1.5]] }],
    figures: (['percentiles', 'line', 'bar'] as const).map((kind) => ({
      kind,
      title: `Figure ${kind}`,
      caption: '',
      xLabel: 'x',
      yLabel: 'y',
      series: ['one', 'two'].map((name) => ({
        name,
        points:
          kind === 'percentiles'
            ? [
                [0, 1],
                [0.5, 2],
                [0.99, 30],
              ]
            : points,
      })),
    })),
    targets: [
      { what: 'speed', value: 2, bound: 'at least', goal: 1 },
      { what: 'delay', value: 2, bound: 'at most', goal: 1 },
    ],
  };
  const run = { when: '2026-01-01T00:00:00.000Z', machine: 'any', quick: true, sections: [section] };
  const markdown = writeMarkdown(run);
  assert.match(markdown, /\| a \\\| b \| 1\.5 \|/);
  assert.match(markdown, /\| speed \| 2 \| at least 1 \| met \|/);
  assert.match(markdown, /\| delay \| 2 \| at most 1 \| missed \|/);
  assert.match(
    markdown,
    /^# Lightscore benchmarks\n\n1 of 2 targets met; missed: delay: 2 \(goal: at most 1\)\. Of a quick run/,
  );
  assert.match(markdown, /## A <title>\n\n\*\*It takes 3 < 4\.\*\*\n\nAbout & more/);
  const page = writePage(run);
  assert.match(page, /<h1>Lightscore benchmarks<\/h1>\n<p class="found">1 of 2 targets met; missed: delay/);
  assert.match(page, /<p class="found">It takes 3 &lt; 4\.<\/p>/);
  for (const [, before] of page.matchAll(/([^\n]*)<table>/g)) assert.match(before, /class="scroll" tabindex="0"/);
  assert.equal(page.match(/<svg/g)?.length, 3);
  assert.match(page, /A &lt;title&gt;/);
  assert.doesNotMatch(page, /NaN|undefined|https?:\/\/(?!www\.w3\.org)/);
});

test('a run that missed many targets names the first of them and counts the others', () => {
  const targets = Array.from({ length: 6 }, (_, i) => ({
    what: `part ${i}`,
    value: i === 0 ? 1 : 3,
    bound: 'at most' as const,
    goal: 2,
  }));
  const sections = [{ id: 'a', title: '', about: '', tables: [], figures: [], targets }];
  assert.match(
    summary({ quick: false, sections }),
    /^1 of 6 targets met; missed: part 1: 3 \(goal: at most 2\); part 2: .*; part 3: [^;]*; and 2 others\.$/,
  );
});

test('a header takes two lines of about the same length at most, and loses no word', () => {
  assert.deepEqual(onTwoLines('req/s'), ['req/s']);
  assert.deepEqual(onTwoLines('CPU us/request'), ['CPU', 'us/request']);
  const long = 'of it CPU of the calling thread';
  assert.deepEqual(onTwoLines(long), ['of it CPU of the', 'calling thread']);
  assert.deepEqual(onTwoLines('Wärmeleitfähigkeit'), ['Wärmeleitfähigkeit'], 'a single word is not broken');
});

describe('load', linuxOnly, () => {
  const requests = [{ body: '{"features":[1]}', begins: '{"constant"', ends: '}' }];
  const plan = { path: '/score', requests, connections: 4, seconds: 0.3, warmupSeconds: 0.1 };

  test('is answered, closed loop and at a fixed rate, and unexpected answers are counted', async () => {
    const server = await startBare('{"constant":1}');
    const generator = new LoadGenerator();
    try {
      const closed = await generator.run({ ...plan, port: server.port });
      assert.ok(closed.requests > 0);
      assert.equal(closed.latencies.total, closed.requests);
      assert.equal(closed.wrong + closed.closed + closed.unanswered, 0);
      const paced = await generator.run({ ...plan, port: server.port, rate: 200, apart: true });
      assert.ok(paced.requests > 0 && paced.requests <= 80);
      assert.equal(paced.wrong + paced.closed, 0);
      const wrong = await generator.run({
        ...plan,
        port: server.port,
        requests: [{ ...requests[0], begins: '{"other"' }],
      });
      assert.ok(wrong.wrong >= wrong.requests);
      assert.match(wrong.firstWrong ?? '', /"constant":1/);
    } finally {
      await generator.close();
      await server.stop();
    }
  });

  test('a score that is not the expected one is found before any load', async () => {
    const server = await startLightscore('inline', { DRAIN_TIMEOUT_MS: '0' });
    try {
      const model = await loadDemoModel();
      const [request] = rowRequests({ seed: 1, count: 1, featureNames: model.featureNames, examples: model.examples });
      assert.equal((await checkedSingles(server.origin, '/score', [request], model)).length, 1);
      await assert.rejects(
        checkedSingles(server.origin, '/score', [request], { ...model, expectedScore: () => 2 }),
        /confidence_score is .* expected 2/,
      );
    } finally {
      await server.stop();
    }
  });
});
