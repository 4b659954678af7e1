/** The guard: what a request and a start cost on this commit in ratio to another. Runs only where one is named. */
import { projectRoot } from '../../test/support/project.js';
import { type Allowance, BASE_ALLOWANCE, BASE_COMMIT, verdict } from '../guard/allowance.js';
import { otherCommit, shortHash, workingTree } from '../guard/checkout.js';
import type { Interval } from '../guard/median-interval.js';
import { type Pair, intervalWidth, medianOf, ratioInterval, ratios } from '../guard/paired.js';
import {
  CONNECTIONS,
  HEADER_SETS,
  INTERVAL_WIDTH,
  MIN_PAIRS,
  MAX_PAIRS,
  type RequestCosts,
  SLICE_SECONDS,
  measureRequestCosts,
} from '../guard/request-cost.js';
import { DEMO_MODEL, STARTS, type Starts, measureStarts } from '../guard/start-time.js';
import { type Section, type Table, type Target, median, short } from '../report/section.js';
import { HEADER_COUNTS } from '../traffic/headers.js';
import type { Effort, Progress } from './run.js';

/** What this commit is compared with. */
export interface Comparison {
  /** Whole hash. */
  readonly commit: string;
  /** From the first commit of a piece of work; against the base commit the base's own holds. */
  readonly step: Allowance;
}

/** The names of both commits in the report. */
type Names = Readonly<Record<keyof Pair, string>>;

/** One figure of both commits. */
interface Compared {
  readonly what: string;
  readonly pairs: readonly Pair[];
  /** This commit over the other. */
  readonly ratio: number;
  readonly limit: keyof Allowance;
}

const LABELS = {
  plain: `${HEADER_COUNTS.plain} headers: wrk's`,
  proxied: `${HEADER_COUNTS.proxied} headers: those and a proxy's`,
} as const;
const fixed = (ratio: number): string => ratio.toFixed(3);

export async function costSection(comparison: Comparison, effort: Effort, progress: Progress): Promise<Section> {
  const own = workingTree(projectRoot);
  const other = await otherCommit(projectRoot, comparison.commit, progress);
  const costs = await measureRequestCosts(own, other, effort, progress);
  const starts = await measureStarts(own, other, effort, progress);
  const names = { own: own.name, other: other.name };
  return costReport({ names, comparison, costs, starts, effort });
}

/** What was measured, as the report has it. */
export function costReport(measured: {
  readonly names: Names;
  readonly comparison: Comparison;
  readonly costs: RequestCosts;
  readonly starts: Starts;
  readonly effort: Effort;
}): Section {
  const { names, comparison, costs, starts, effort } = measured;
  const requests = HEADER_SETS.map((set): Compared => ({
    what: LABELS[set],
    pairs: costs[set],
    ratio: median(ratios(costs[set])),
    limit: set,
  }));
  const ready: Compared = {
    what: `start to ready, ${DEMO_MODEL.folder}/${DEMO_MODEL.version}`,
    pairs: starts.pairs,
    ratio: medianOf(starts.pairs, 'own') / medianOf(starts.pairs, 'other'),
    limit: 'start',
  };
  const limits = comparison.commit === BASE_COMMIT ? BASE_ALLOWANCE : comparison.step;
  return {
    id: 'cost',
    title: `Cost of ${names.own} against ${names.other}`,
    found: `${names.own} in ratio to ${names.other}: ${[...requests, ready].map(ratioText).join('; ')}.`,
    about: `${about(effort)} ${nativeLightGBM(names, starts)}${wideIntervals(costs)}`,
    tables: [
      comparedTable('CPU microseconds a /score request', requests, names, comparison),
      comparedTable('Milliseconds', [ready], names, comparison),
      pairTable('Every pair, CPU microseconds a request', costs, names),
    ],
    figures: [],
    targets: [...requests, ready].map(({ what, ratio, limit }): Target => ({
      what: `${names.own} over ${names.other}: ${limit === 'start' ? '' : 'CPU a /score request, '}${what}`,
      value: ratio,
      bound: 'at most',
      goal: limits[limit],
    })),
  };
}

function about(effort: Effort): string {
  const percent = 100 * INTERVAL_WIDTH;
  return [
    'Both commits run with their own dependencies, started by `node dist/src/cli.js serve` (the `bin` of their',
    'package.json) with default settings but for PORT, HOST, MODEL_DIR, MODEL_VERSION and DRAIN_TIMEOUT_MS=0, the log',
    'going to a file; variables of the calling shell reach both.',
    "CPU is user and system time of the whole server process by the kernel's own clock, over the requests answered.",
    "Each pair has two new processes, which this commit's generator loads in turn,",
    `${1000 * SLICE_SECONDS} ms each in an order that turns, ${effort.seconds} s each in all, with ${CONNECTIONS}`,
    'connections that send as fast as they are answered, event loops on the first core and the generator on the last;',
    'every answer is checked.',
    "The ratio is the median of the pairs' own, and its 95% interval lies between two order statistics (the sign",
    `test's: no assumption about the distribution); after ${MIN_PAIRS} pairs more are added until the interval is`,
    `at most ${percent}% wide for both sets of headers, ${MAX_PAIRS} at most.`,
    `Start to ready is the ratio of the medians of ${STARTS[effort.quick ? 'quick' : 'full']} alternating starts, with`,
    "the interval of the pairs' ratios.",
  ].join(' ');
}

function nativeLightGBM(names: Names, { withNative }: Starts): string {
  const takesPart = 'Native LightGBM takes part in the self-check of';
  if (withNative.own === withNative.other) return `${takesPart} ${withNative.own ? 'both' : 'neither'}.`;
  return `${takesPart} ${withNative.own ? names.own : names.other} only: the starts cannot be compared.`;
}

function wideIntervals(costs: RequestCosts): string {
  return HEADER_SETS.some((set) => intervalWidth(costs[set]) > INTERVAL_WIDTH)
    ? ` ${MAX_PAIRS} pairs left an interval wider than that: measure again on a quieter machine.`
    : '';
}

function comparedTable(
  title: string,
  compared: readonly Compared[],
  names: Names,
  { commit, step }: Comparison,
): Table {
  const isBase = commit === BASE_COMMIT;
  return {
    title,
    columns: [
      '',
      names.own,
      names.other,
      'ratio',
      '95% interval',
      'pairs',
      'allowed from a first commit',
      `allowed against ${shortHash(BASE_COMMIT)}`,
      `within the allowance ${isBase ? `against ${shortHash(BASE_COMMIT)}` : 'from a first commit'}`,
    ],
    rows: compared.map(({ what, pairs, ratio, limit }) => {
      const interval = ratioInterval(pairs);
      return [
        what,
        short(medianOf(pairs, 'own')),
        short(medianOf(pairs, 'other')),
        fixed(ratio),
        intervalText(interval),
        pairs.length,
        fixed(step[limit]),
        fixed(BASE_ALLOWANCE[limit]),
        verdict(ratio, interval, (isBase ? BASE_ALLOWANCE : step)[limit]),
      ];
    }),
  };
}

const ratioText = ({ what, ratio, pairs }: Compared): string =>
  `${what} ${fixed(ratio)} (95% interval ${intervalText(ratioInterval(pairs))})`;

const intervalText = (interval: Interval | undefined): string =>
  interval === undefined
    ? 'too few pairs'
    : `${fixed(interval.low)} to ${fixed(interval.high)} (${(100 * (interval.high - interval.low)).toFixed(1)}%)`;

function pairTable(title: string, costs: RequestCosts, names: Names): Table {
  return {
    title,
    columns: [
      'pair',
      ...HEADER_SETS.flatMap((set) => [`${HEADER_COUNTS[set]} headers: ${names.own}`, names.other, 'ratio']),
    ],
    rows: costs.plain.map((_, i) => [
      i + 1,
      ...HEADER_SETS.flatMap((set) => {
        const { own, other } = costs[set][i];
        return [own.toFixed(2), other.toFixed(2), fixed(own / other)];
      }),
    ]),
  };
}
