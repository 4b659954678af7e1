/** The report of a load test: what it finds, says and draws, from results that are made up. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseHTML } from 'linkedom';
import { LatencyHistogram } from '../loadtest/load/latency-histogram.js';
import type { ScheduledResult } from '../loadtest/load/scheduled.js';
import { intervalsOf } from '../loadtest/load/timeline.js';
import { writeLoadPage } from '../loadtest/report/load-page.js';
import { type Facts, type LoadReport, summarise } from '../loadtest/report/load-report.js';
import { writeText } from '../loadtest/report/load-text.js';
import { changed, readScenarios } from '../loadtest/scenarios/scenarios.js';

const STAGES = [
  { seconds: 4, rate: 100 },
  { seconds: 2, rate: 500 },
];

/** Every request of an interval took as many milliseconds as `latency` says of its start. */
function result(latency: (start: number) => number, changes: Partial<ScheduledResult> = {}): ScheduledResult {
  const intervals = intervalsOf(STAGES, 1);
  for (const interval of intervals) {
    interval.asked = STAGES[interval.stage].rate;
    interval.answered = interval.asked;
    for (let i = 0; i < interval.asked; i++) interval.latencies.record(latency(interval.start));
  }
  return {
    intervals,
    versions: { v1: 1400 },
    unknownVersions: {},
    failures: {},
    firstFailure: undefined,
    ownDelays: new LatencyHistogram(),
    generatorBusy: 0.2,
    ...changes,
  };
}

const facts: Facts = {
  scenario: 'sample',
  about: 'a <sample>',
  when: '2026-01-01T00:00:00.000Z',
  machine: 'any',
  connections: 8,
  server: 'http://localhost:1 serves v1 with 2 features',
  rowsFrom: 'rows.csv',
  check: 'Every score is compared.',
  limits: { p50Ms: 5, p99Ms: 50 },
  tool: 'open-loop',
};

const report = (latency: (start: number) => number, changes: Partial<ScheduledResult> = {}): LoadReport =>
  summarise(result(latency, changes), facts);

describe('the first sentence', () => {
  test('says that the limits are met, and what was measured', () => {
    const { headline, met } = report(() => 1);
    assert.equal(met, true);
    assert.equal(
      headline,
      'sample: all limits are met. Of 1,400 requests in 6 s, none failed; ' +
        'half of them took up to 1 ms, 99% up to 1 ms, 99.9% up to 1 ms.',
    );
  });

  test('names the limits that the slowest stage missed, though the whole run would meet them', () => {
    const { headline, met } = report((start) => (start < 4 ? 60 : 1));
    assert.equal(met, false);
    assert.match(
      headline,
      /^sample: 2 of 4 limits are missed \(p50 in ms in the slowest stage 6\d[.\d]*, at most 5; p99 in ms/,
    );
  });

  test('counts failures by their reason', () => {
    const failing = result(() => 1, { failures: { 'status 503': 30, 'no answer': 10 } });
    failing.intervals[5].failed = 40;
    failing.intervals[5].answered -= 300;
    const { headline, targets } = summarise(failing, facts);
    assert.match(headline, /2 of 4 limits are missed .*, 40 failed \(status 503: 30, no answer: 10\);/);
    assert.deepEqual(targets.map(({ value }) => Math.round(value)).slice(0, 2), [40, 70]);
  });
});

test('the text has percentiles over time, by stage and in all, and the versions where there are several', () => {
  const text = writeText(
    report((start) => start + 1, { versions: { v1: 1000, v2: 300 }, unknownVersions: { v3: 100 } }),
  );
  assert.match(text, /seconds +asked\/s +answered\/s +p50 +p90 +p99 +p99\.9 +most +failed/);
  assert.match(text, /^ +2-3 +100 +100 +3\.0\d +3\.0\d +3\.0\d +3\.0\d +3\.0\d +0$/m);
  assert.match(text, /By stage\n.*\n +0-4 +100 .*\n +4-6 +500 /);
  assert.match(text, /Whole run\n.*\n +0-6 +233 +233 /);
  assert.match(text, /Answers by +v1: 1,000; v2: 300; v3: 100, scores not checked/);
  assert.match(text, /^ {2}met +p99 in ms in the slowest stage: 6\.\d+ \(at most 50\)$/m);
});

describe('the page', () => {
  test('opens with the same sentence, stands alone and escapes what it is given', () => {
    const made = report(() => 2, { failures: { '<script>': 1 }, firstFailure: '<b>' });
    const page = writeLoadPage(made);
    const { document } = parseHTML(page);
    assert.equal(document.querySelector('h1 + p')?.textContent, made.headline);
    assert.equal(document.querySelectorAll('svg').length, 2);
    assert.doesNotMatch(page, /NaN|undefined|<script|<b>|https?:\/\/(?!www\.w3\.org|localhost:1 )/);
    assert.match(page, /a &lt;sample&gt;/);
  });

  test('names every line beside its end, and no two names touch', () => {
    for (const latency of [() => 2, (start: number) => 0.1 + start, () => 0.0004]) {
      const { document } = parseHTML(writeLoadPage(report(latency)));
      const [latencies, requests] = document.querySelectorAll('svg');
      assert.deepEqual(
        namesOf(latencies).toSorted((a, b) => a.localeCompare(b)),
        ['p50', 'p90', 'p99', 'p99.9'],
      );
      assert.deepEqual(
        namesOf(requests).toSorted((a, b) => a.localeCompare(b)),
        ['answered', 'asked'],
      );
      for (const svg of [latencies, requests]) {
        const heights = heightsOf(svg).toSorted((a, b) => a - b);
        for (const [i, height] of heights.slice(1).entries()) assert(height - heights[i] >= 14, String(heights));
      }
    }
  });
});

type Drawing = ReturnType<typeof parseHTML>['document']['body'];

/** The texts that name lines: those in bold. */
function namedLines(svg: Drawing): Drawing[] {
  return [...svg.querySelectorAll('g[font-weight="600"]')];
}

const namesOf = (svg: Drawing): string[] => namedLines(svg).map(({ textContent }) => textContent ?? '');

/** How far down each name is: where its group is moved to, and where it is in that group. */
function heightsOf(svg: Drawing): number[] {
  const down = (transform: string | null | undefined): number =>
    Number(/translate\([^,]+,([^)]+)\)/.exec(transform ?? '')?.[1] ?? 0);
  return namedLines(svg).map((group) => {
    const texts = [...group.querySelectorAll('text')].slice(0, 1);
    return [group, ...texts].reduce((sum, element) => sum + down(element.getAttribute('transform')), 0);
  });
}

test('a run may change rate, duration, connections and limit of a scenario; its stages keep their proportions', () => {
  const { burst } = readScenarios();
  const run = changed(burst, { rate: 1200, duration: 5, connections: 9, p99Ms: 3 });
  assert.deepEqual(run.stages, [
    { seconds: 2, rate: 100 },
    { seconds: 1, rate: 1200 },
    { seconds: 2, rate: 100 },
  ]);
  assert.deepEqual([run.connections, run.limits], [9, { p50Ms: 3, p99Ms: 3 }]);
  assert.deepEqual(changed(burst, {}), burst);
});
