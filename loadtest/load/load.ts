/** Loads a server from a separate thread and measures its answers. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { LatencyHistogram } from './latency-histogram.js';

/** One request and its expected answer: a 200 whose body has this beginning and end. */
export interface CheckedRequest {
  readonly body: string;
  readonly begins: string;
  readonly ends: string;
}

export interface LoadPlan {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** Sent in turn by all connections together. */
  readonly requests: readonly CheckedRequest[];
  readonly connections: number;
  readonly seconds: number;
  /** Not measured, before the rest. */
  readonly warmupSeconds: number;
  /** The generator's thread stays on the last core: see `affinity.ts`. */
  readonly apart?: boolean;
  /**
   * Requests per second, evenly spaced whatever the answers do. A latency counts from the time at which the request was
   * due, so every request that a stall delays counts the whole delay (no coordinated omission). Without a rate, every
   * connection sends its next request when it has its answer.
   */
  readonly rate?: number;
}

export interface LoadResult {
  /** Answered within the measured time. */
  readonly requests: number;
  readonly seconds: number;
  readonly latencies: LatencyHistogram;
  /** Answers that were not a 200 with the expected body. */
  readonly wrong: number;
  /** The first wrong answer, for a message. */
  readonly firstWrong: string | undefined;
  /** Connections that the server closed. */
  readonly closed: number;
  /** Requests that were due, but had no answer when the run ended. */
  readonly unanswered: number;
  /** Share of the time that the generator's own thread was busy; near 1, the figures are the generator's. */
  readonly generatorBusy: number;
}

/** The thread's message: a LoadResult as plain data. */
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

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** @throws Error where an answer was wrong or a connection closed: figures of such a run mean nothing */
export function assertAllRight(result: LoadResult, what: string): void {
  if (result.wrong > 0)
    throw new Error(
      `${what}: ${result.wrong} of ${result.requests} answers were wrong, the first: ${result.firstWrong}`,
    );
  if (result.closed > 0) throw new Error(`${what}: the server closed ${result.closed} connections`);
}

/** The CPU seconds that a thread has used, from Linux's scheduler. */
export function threadCpuSeconds(process: number | 'self', thread: number): number {
  return Number(readFileSync(`/proc/${process}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
}
