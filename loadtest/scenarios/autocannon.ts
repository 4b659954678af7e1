/** Runs a scenario with autocannon, stage by stage, every answer checked. */
import autocannon from 'autocannon';
import type { Scenario, ScenarioRequest } from './scenarios.js';
import { isRight } from './scenarios.js';

export interface StageResult {
  /** Requests a second: asked for, and answered. */
  readonly rate: number;
  readonly answered: number;
  /** Milliseconds, corrected for coordinated omission by autocannon; whole, as it counts them. */
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  /** Answers that were not a 200 with the right scores, errors and time-outs. */
  readonly failed: number;
}

const WARM_UP_SECONDS = 1;

/** @param timeScale shortens every stage, for trying out; autocannon runs for at least a second */
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
      most: result.latency.max,
      failed: wrong + result.errors + result.timeouts,
    });
  }
  return results;
}
