/** What a load run found, as plain data, from which its text, its page and its JSON are written. */
import { LatencyHistogram } from '../load/latency-histogram.js';
import type { Counts, ScheduledResult } from '../load/scheduled.js';
import type { Interval } from '../load/timeline.js';
import type { Limits } from '../scenarios/scenarios.js';
import { type Target, isMet, short } from './section.js';

/** The figures of an interval, a stage or a whole run. Latencies are milliseconds. */
export interface Figures {
  /** Seconds from the start of the first stage. */
  readonly start: number;
  readonly seconds: number;
  readonly asked: number;
  readonly answered: number;
  readonly failed: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface LoadReport {
  readonly scenario: string;
  readonly about: string;
  /** The first sentence of every form of the report. */
  readonly headline: string;
  readonly met: boolean;
  readonly targets: readonly Target[];
  /** ISO 8601. */
  readonly when: string;
  readonly machine: string;
  readonly tool: string;
  readonly connections: number;
  readonly server: string;
  readonly rowsFrom: string;
  readonly check: string;
  readonly total: Figures;
  readonly stages: readonly Figures[];
  readonly intervals: readonly Figures[];
  /** Right answers by the version that they name. */
  readonly versions: Counts;
  readonly unknownVersions: Counts;
  readonly failures: Counts;
  readonly firstFailure?: string;
  /** What is to be said of the generator itself. */
  readonly generator: string;
}

export type Facts = Pick<
  LoadReport,
  'scenario' | 'about' | 'when' | 'machine' | 'connections' | 'server' | 'rowsFrom' | 'check'
> & { readonly limits: Limits; readonly tool: 'open-loop' | 'autocannon' };

/** Share of the requests asked for that must be answered while the load lasts. */
const MIN_ANSWERED = 0.99;
/** Above this share of its time the generator may be what is measured. */
const BUSY = 0.9;

export function summarise(result: ScheduledResult, { limits, tool, ...facts }: Facts): LoadReport {
  const { intervals, versions, unknownVersions, failures, firstFailure } = result;
  const stageCount = 1 + Math.max(...intervals.map(({ stage }) => stage));
  const stages = Array.from({ length: stageCount }, (_, stage) =>
    figuresOf(intervals.filter((interval) => interval.stage === stage)),
  );
  const total = figuresOf(intervals);
  const targets = targetsOf(stages, limits);
  return {
    ...facts,
    tool: TOOLS[tool],
    headline: headline(facts.scenario, { total, targets, failures }),
    met: targets.every(isMet),
    targets,
    total,
    stages,
    intervals: intervals.map((interval) => figuresOf([interval])),
    versions,
    unknownVersions,
    failures,
    ...(firstFailure !== undefined && { firstFailure }),
    generator: tool === 'open-loop' ? ownArtefacts(result) : AUTOCANNON_ARTEFACTS,
  };
}

const TOOLS = { 'open-loop': "this repository's open-loop generator", autocannon: 'autocannon' } as const;

const AUTOCANNON_ARTEFACTS =
  'autocannon sends what it owes of a second at the beginning of that second, so latencies are those of small ' +
  'bursts, and a connection that waits for an answer sends nothing meanwhile (coordinated omission): a stall of the ' +
  'server counts once for each connection. The open-loop generator has neither.';

function figuresOf(intervals: readonly Interval[]): Figures {
  const latencies = new LatencyHistogram();
  for (const interval of intervals) latencies.add(interval.latencies);
  const sum = (of: (interval: Interval) => number): number => intervals.reduce((all, each) => all + of(each), 0);
  return {
    start: intervals[0].start,
    seconds: sum(({ seconds }) => seconds),
    asked: sum(({ asked }) => asked),
    answered: sum(({ answered }) => answered),
    failed: sum(({ failed }) => failed),
    p50: latencies.quantile(0.5),
    p90: latencies.quantile(0.9),
    p99: latencies.quantile(0.99),
    p999: latencies.quantile(0.999),
    max: latencies.quantile(1),
  };
}

function targetsOf(stages: readonly Figures[], { p50Ms, p99Ms }: Limits): Target[] {
  const several = stages.length > 1;
  const slowest = (of: (stage: Figures) => number): number =>
    stages.reduce((most, each) => Math.max(most, nanIsWorst(of(each))), 0);
  const inSlowest = several ? ' in the slowest stage' : '';
  return [
    {
      what: 'requests that failed',
      value: stages.reduce((sum, { failed }) => sum + failed, 0),
      bound: 'at most',
      goal: 0,
    },
    {
      what: `% answered while the load lasted${several ? ', in every stage' : ''}`,
      value: stages.reduce((least, { answered, asked }) => Math.min(least, (100 * answered) / asked), 100),
      bound: 'at least',
      goal: 100 * MIN_ANSWERED,
    },
    { what: `p50 in ms${inSlowest}`, value: slowest(({ p50 }) => p50), bound: 'at most', goal: p50Ms },
    { what: `p99 in ms${inSlowest}`, value: slowest(({ p99 }) => p99), bound: 'at most', goal: p99Ms },
  ];
}

/** No answer at all is slower than any. */
const nanIsWorst = (value: number): number => (Number.isNaN(value) ? Infinity : value);

function headline(
  scenario: string,
  { total, targets, failures }: Pick<LoadReport, 'total' | 'targets' | 'failures'>,
): string {
  const missed = targets.filter((target) => !isMet(target));
  const verb = missed.length === 1 ? 'is' : 'are';
  const verdict =
    missed.length === 0
      ? `${scenario}: all limits are met`
      : `${scenario}: ${missed.length} of ${targets.length} limits ${verb} missed ` +
        `(${missed.map(missedText).join('; ')})`;
  const load = `${whole(total.asked)} requests in ${short(total.seconds)} s`;
  const latencies =
    `half of them took up to ${milliseconds(total.p50)}, ` +
    `99% up to ${milliseconds(total.p99)}, 99.9% up to ${milliseconds(total.p999)}`;
  const reasons = Object.entries(failures).map(([reason, count]) => `${reason}: ${whole(count)}`);
  const failed = total.failed === 0 ? 'none failed' : `${whole(total.failed)} failed (${reasons.join(', ')})`;
  return `${verdict}. Of ${load}, ${failed}; ${latencies}.`;
}

const missedText = ({ what, value, bound, goal }: Target): string => `${what} ${short(value)}, ${bound} ${short(goal)}`;

export const whole = (count: number): string => Math.round(count).toLocaleString('en-US');
export const milliseconds = (value: number): string => `${short(value)} ms`;

function ownArtefacts({ ownDelays, generatorBusy }: ScheduledResult): string {
  const own = (share: number): string => milliseconds(ownDelays.quantile(share));
  const warning =
    generatorBusy > BUSY ? ' That is nearly all: the generator may be what is measured, so take a lower rate.' : '';
  return (
    'A latency counts from the moment at which its request was due, so a stall of the server counts for every ' +
    'request that it delays (no coordinated omission), to the moment at which the kernel had the answer. The ' +
    `generator itself was late by ${own(0.5)} (p50), ${own(0.99)} (p99) and ${own(1)} (most) in sending: where a ` +
    `connection was free, that is its own doing and does not count. ` +
    `It took ${Math.round(100 * generatorBusy)}% of a core.${warning}`
  );
}
