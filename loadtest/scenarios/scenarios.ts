/** The load scenarios, from the one file that this command and k6 share, and how a run may change them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import { type Stage, totalSeconds } from '../load/schedule.js';

export interface Limits {
  /** Milliseconds that half of the requests of every stage, and 99% of them, must not exceed. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Scenario {
  readonly about: string;
  /** Shares of the requests that are batches, and that ask for an explanation. */
  readonly batchShare: number;
  readonly explainShare: number;
  readonly connections: number;
  readonly stages: readonly Stage[];
  readonly limits: Limits;
}

export function readScenarios(): Readonly<Record<string, Scenario>> {
  const scenarios: Record<string, Scenario> = JSON.parse(
    readFileSync(join(projectRoot, 'loadtest/scenarios/scenarios.json'), 'utf8'),
  );
  return scenarios;
}

export interface Changes {
  /** Requests a second of the busiest stage; the others keep their proportion to it. */
  readonly rate?: number | undefined;
  /** Seconds of all stages together. */
  readonly duration?: number | undefined;
  readonly connections?: number | undefined;
  readonly p99Ms?: number | undefined;
}

export function changed(scenario: Scenario, { rate, duration, connections, p99Ms }: Changes): Scenario {
  const peak = Math.max(...scenario.stages.map((stage) => stage.rate));
  const faster = rate === undefined ? 1 : rate / peak;
  const longer = duration === undefined ? 1 : duration / totalSeconds(scenario.stages);
  return {
    ...scenario,
    connections: connections ?? scenario.connections,
    stages: scenario.stages.map((stage) => ({ seconds: stage.seconds * longer, rate: stage.rate * faster })),
    limits: { p50Ms: Math.min(scenario.limits.p50Ms, p99Ms ?? Infinity), p99Ms: p99Ms ?? scenario.limits.p99Ms },
  };
}
