/** The servers that HTTP benchmarks compare; all of them run at once and are measured in turn. */
import { LatencyHistogram } from '../load/latency-histogram.js';
import { type CheckedRequest, LoadGenerator, type LoadPlan, type LoadResult, assertAllRight } from '../load/load.js';
import { type Figure, median } from '../report/section.js';
import type { Effort } from '../sections/run.js';
import { rowRequests } from '../traffic/bodies.js';
import { checkedSingles, constantAnswers } from '../traffic/checked.js';
import { type DemoModel, loadDemoModel } from '../traffic/demo-model.js';
import { type ServerProcess, startBare, startLightscore } from './process.js';

/** Enough different bodies that neither branch predictors nor caches learn them. */
const BODIES = 512;
const SEED = 1;

export const SCORINGS = ['pool', 'auto', 'inline'] as const;

export interface Rival {
  readonly name: string;
  readonly server: ServerProcess;
  readonly path: string;
  readonly requests: readonly CheckedRequest[];
}

/** The results of one server in one measurement. */
export interface Measured {
  readonly name: string;
  /** Requests a second, one value per round. */
  readonly throughput: readonly number[];
  /** The latencies of all rounds. */
  readonly latencies: LatencyHistogram;
  /** Milliseconds, one value per round. */
  readonly p50: readonly number[];
  readonly p99: readonly number[];
  /** CPU microseconds per request of the main thread and of all others, one value per round. */
  readonly mainCpu: readonly number[];
  readonly otherCpu: readonly number[];
  readonly generatorBusy: number;
  readonly unanswered: number;
}

/** Starts the bare server and Lightscore in each mode of scoring, and prepares their requests and answers. */
export async function startRivals(
  scorings: readonly (typeof SCORINGS)[number][] = SCORINGS,
): Promise<{ readonly rivals: readonly Rival[]; readonly model: DemoModel; readonly stop: () => Promise<void> }> {
  const model = await loadDemoModel();
  const bodies = rowRequests({ seed: SEED, count: BODIES, featureNames: model.featureNames, examples: model.examples });
  const rivals: Rival[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(rivals.map(({ server }) => server.stop()));
  };
  try {
    for (const scoring of scorings) {
      const server = await startLightscore(scoring);
      const rival = { name: scoring, server, path: '/score', requests: [] };
      rivals.push(rival);
      rivals[rivals.length - 1] = { ...rival, requests: await checkedSingles(server.origin, '/score', bodies, model) };
    }
    const { server, requests } = rivals[0];
    const constant = await typicalAnswer(server, requests);
    rivals.unshift({
      name: 'bare',
      server: await startBare(constant),
      path: '/score',
      requests: constantAnswers(requests, constant),
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { rivals, model, stop };
}

/** Returns an answer of median length, for the bare server to give. */
export async function typicalAnswer(server: ServerProcess, requests: readonly CheckedRequest[]): Promise<string> {
  const answers = await Promise.all(
    requests.slice(0, 64).map(async ({ body }) =>
      (
        await fetch(`${server.origin}/score`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body,
        })
      ).text(),
    ),
  );
  return answers.toSorted((a, b) => a.length - b.length)[answers.length >> 1];
}

/**
 * Loads each server in turn, round by round, in an order that rotates with the rounds, so that a slow minute of the
 * machine affects all of them alike. With `load.apart` event loop and generator each stay on a core of their own.
 * @throws Error if an answer was wrong
 */
export async function measure(
  rivals: readonly Rival[],
  load: Pick<LoadPlan, 'connections' | 'rate' | 'apart'>,
  { rounds, seconds, warmupSeconds }: Effort,
): Promise<Measured[]> {
  const generator = new LoadGenerator();
  const results = new Map<string, { result: LoadResult; main: number; others: number }[]>(
    rivals.map(({ name }) => [name, []]),
  );
  try {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < rivals.length; i++) {
        const { name, server, path, requests } = rivals[(i + round) % rivals.length];
        const plan: LoadPlan = { port: server.port, path, requests, ...load, seconds, warmupSeconds };
        server.place(load.apart ? 'serving' : 'anywhere');
        const before = server.cpu();
        const result = await generator.run(plan);
        const after = server.cpu();
        server.emptyLog();
        assertAllRight(result, name);
        // The CPU time includes the warm-up, whose requests are assumed to arrive at the same rate.
        const micros = (1e6 * seconds) / ((seconds + warmupSeconds) * result.requests);
        results.get(name)?.push({
          result,
          main: (after.main - before.main) * micros,
          others: (after.others - before.others) * micros,
        });
      }
    }
  } finally {
    await generator.close();
  }
  return [...results].map(([name, runs]): Measured => {
    const latencies = new LatencyHistogram();
    for (const { result } of runs) latencies.add(result.latencies);
    return {
      name,
      latencies,
      throughput: runs.map(({ result }) => result.requests / result.seconds),
      p50: runs.map(({ result }) => result.latencies.quantile(0.5)),
      p99: runs.map(({ result }) => result.latencies.quantile(0.99)),
      mainCpu: runs.map(({ main }) => main),
      otherCpu: runs.map(({ others }) => others),
      generatorBusy: median(runs.map(({ result }) => result.generatorBusy)),
      unanswered: runs.reduce((sum, { result }) => sum + result.unanswered, 0),
    };
  });
}

/** Returns the median over the rounds of the ratio `of(rival) / of(base)` of each round. */
export function ratio(rival: Measured, base: Measured, of: (measured: Measured) => readonly number[]): number {
  return median(of(rival).map((value, round) => value / of(base)[round]));
}

/** CPU microseconds a request of all threads, one value per round. */
export function totalCpu({ mainCpu, otherCpu }: Measured): number[] {
  return mainCpu.map((main, round) => main + otherCpu[round]);
}

export function throughputFigure(measured: readonly Measured[]): Figure {
  return {
    title: 'Requests a second',
    caption: 'Median of the rounds.',
    kind: 'bar',
    xLabel: '',
    yLabel: 'requests a second',
    series: measured.map(({ name, throughput }) => ({ name, points: [[0, median(throughput)]] })),
  };
}
