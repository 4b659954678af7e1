/** Runs a scenario with autocannon, stage by stage, and checks every answer. */
import autocannon from 'autocannon';
import type { Scenario, ScenarioRequest } from './scenarios.js';
import { isRight } from './scenarios.js';

export interface StageResult {
  /** Requests a second: the scenario's rate, and the rate of answers. */
  readonly rate: number;
  readonly answered: number;
  /** Whole milliseconds, which autocannon corrects for coordinated omission. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Number of answers other than a 200 with the right scores, of errors and of time-outs. */
  readonly failed: number;
}

const WARM_UP_SECONDS = 1;

/** @param timeScale shortens every stage, for a trial; autocannon runs for at least a second */
export async function runScenario(
  { connections, stages }: Scenario,
  origin: string,
  requests: readonly ScenarioRequest[],
  timeScale = 1,
): Promise<StageResult[]> {
  const results: StageResult[] = [];
  let wrong = 0;
  const checked = requests.map((request) => ({
    method: 'POST' as const,
    path: request.path,
    headers: { 'Content-Type': 'application/json' },
    body: request.body,
    onResponse: (status: number, body: string) => {
      if (status !== 200 || !isRight(request, body)) wrong++;
    },
  }));
  await autocannon({ url: origin, connections, duration: WARM_UP_SECONDS, requests: checked });
  for (const { seconds, rate } of stages) {
    wrong = 0;
    const result = await autocannon({
      url: origin,
      connections,
      duration: Math.max(1, Math.round(seconds * timeScale)),
      overallRate: rate,
      requests: checked,
    });
    results.push({
      rate,
      answered: result.requests.average,
      p50: result.latency.p50,
      p99: result.latency.p99,
      max: result.latency.max,
      failed: wrong + result.errors + result.timeouts,
    });
  }
  return results;
}
