/** Loads a server from a thread of its own and measures what comes back. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { LatencyHistogram } from './latency-histogram.js';
import type { RawScheduledResult, ScheduledPlan, ScheduledResult } from './scheduled.js';
import { fromRaw } from './timeline.js';

/** One request and what its answer must look like: a 200 whose body begins and ends as it says. */
export interface CheckedRequest {
  readonly body: string;
  readonly begins: string;
  readonly ends: string;
  /** Sent besides Host, Content-Type and Content-Length. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Target {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** Sent in turn by all connections together. */
  readonly requests: readonly CheckedRequest[];
}

export interface LoadPlan extends Target {
  readonly connections: number;
  readonly seconds: number;
  /** Not measured, before the rest. */
  readonly warmupSeconds: number;
  /** The generator's thread stays on the last core: see `affinity.ts`. */
  readonly apart?: boolean;
  /**
   * Requests a second, evenly spaced whatever the answers do; a latency counts from the moment at which the request was
   * due, so that a stall is charged to every request that it delayed (no coordinated omission). Without it every
   * connection sends its next request when it has its answer.
   */
  readonly rate?: number;
}

/**
 * Loads several servers in turn, a slice of time each, every connection sending its next request when it has its
 * answer. While one is loaded the others have no request.
 */
export interface AlternatingPlan {
  readonly targets: readonly Target[];
  /** To each of them. */
  readonly connections: number;
  readonly sliceSeconds: number;
  /** For each of them. */
  readonly slices: number;
  /** As in LoadPlan. */
  readonly apart: boolean;
}

/** What one target of an AlternatingPlan has answered: every request that was sent, those at a slice's end included. */
export type AlternatingResult = Pick<LoadResult, 'requests' | 'wrong' | 'firstWrong' | 'closed'>;

export interface LoadResult {
  /** Answered within the measured time. */
  readonly requests: number;
  readonly seconds: number;
  readonly latencies: LatencyHistogram;
  /** Not 200, or not the expected body. */
  readonly wrong: number;
  /** The first wrong answer, for a message. */
  readonly firstWrong: string | undefined;
  /** Connections that the server closed. */
  readonly closed: number;
  /** Due, but still without an answer when the run ended. */
  readonly unanswered: number;
  /** Share of the time for which the generator's own thread was busy; near 1 it is the generator that is measured. */
  readonly generatorBusy: number;
}

/** What the thread sends back: a LoadResult as plain data. */
export type RawResult = Omit<LoadResult, 'latencies' | 'generatorBusy'> & {
  readonly counts: Float64Array;
  readonly cpuSeconds: number;
};

export class LoadGenerator {
  readonly #thread = new Worker(new URL('./generator.js', import.meta.url));

  /** One run at a time. @throws whatever ended the thread */
  async run(plan: LoadPlan): Promise<LoadResult> {
    const answer = once(this.#thread, 'message');
    this.#thread.postMessage(plan, []);
    const [raw]: RawResult[] = await answer;
    const { counts, cpuSeconds, ...result } = raw;
    return { ...result, latencies: new LatencyHistogram(counts), generatorBusy: cpuSeconds / result.seconds };
  }

  /**
   * One run at a time.
   * @returns one result a target
   * @throws Error where a request got no answer, and whatever else ended the thread
   */
  async alternate(plan: AlternatingPlan): Promise<readonly AlternatingResult[]> {
    const answer = once(this.#thread, 'message');
    this.#thread.postMessage(plan, []);
    const [results]: (readonly AlternatingResult[])[] = await answer;
    return results;
  }

  /** One run at a time. @throws whatever ended the thread */
  async schedule(plan: ScheduledPlan): Promise<ScheduledResult> {
    const answer = once(this.#thread, 'message');
    this.#thread.postMessage(plan, []);
    const [{ intervals, ownDelays, ...result }]: RawScheduledResult[] = await answer;
    return { ...result, intervals: intervals.map(fromRaw), ownDelays: new LatencyHistogram(ownDelays) };
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** @throws Error where an answer was wrong or a connection closed: figures of such a run mean nothing */
export function assertAllRight(result: AlternatingResult, what: string): void {
  if (result.wrong > 0)
    throw new Error(
      `${what}: ${result.wrong} of ${result.requests} answers were wrong, the first: ${result.firstWrong}`,
    );
  if (result.closed > 0) throw new Error(`${what}: the server closed ${result.closed} connections`);
}

/** CPU seconds that a thread has had, from Linux's scheduler. */
export function threadCpuSeconds(process: number | 'self', thread: number): number {
  return Number(readFileSync(`/proc/${process}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
}
