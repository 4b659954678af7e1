/** The load scenarios, from the one file that autocannon and k6 share, and the requests that they send. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/train/random.js';
import { projectRoot } from '../../test/support/project.js';
import { batchBodies, rowRequests } from '../traffic/bodies.js';
import type { DemoModel } from '../traffic/demo-model.js';

export interface Scenario {
  readonly about: string;
  /** Shares of the requests that are batches, and that ask for an explanation. */
  readonly batchShare: number;
  readonly explainShare: number;
  readonly connections: number;
  readonly stages: readonly { readonly seconds: number; /** Requests a second. */ readonly rate: number }[];
  readonly limits: { readonly p99Ms: number };
}

export function readScenarios(): Readonly<Record<string, Scenario>> {
  const scenarios: Record<string, Scenario> = JSON.parse(
    readFileSync(join(projectRoot, 'loadtest/scenarios/scenarios.json'), 'utf8'),
  );
  return scenarios;
}

export interface ScenarioRequest {
  readonly path: string;
  readonly body: string;
  /** One score for each row, in order. */
  readonly scores: readonly number[];
}

/**
 * The tolerance is relative: expected scores come from the plain tree walk, whose exponential may differ from the
 * server's in the last bit.
 */
export const SCORE_TOLERANCE = 1e-9;
const REQUESTS = 200;
const BATCH_ROWS = 200;
const EXPLAIN_PATH = '/score?explain=shap&top_k=5';

/** The same scenario gives the same requests, in the same order. */
export function scenarioRequests(
  { batchShare, explainShare }: Pick<Scenario, 'batchShare' | 'explainShare'>,
  model: DemoModel,
): ScenarioRequest[] {
  const rows = rowRequests({ seed: 5, count: REQUESTS, featureNames: model.featureNames, examples: model.examples });
  const random = new Random(5);
  return rows.map((row, i): ScenarioRequest => {
    const kind = random.uniform();
    if (kind < batchShare) {
      const rotated = [...rows.slice(i), ...rows.slice(0, i)];
      const [{ body, requests }] = batchBodies(rotated, { rows: BATCH_ROWS, count: 1 });
      return { path: '/score_batch', body, scores: requests.map((request) => model.expectedScore(request.row)) };
    }
    return {
      path: kind < batchShare + explainShare ? EXPLAIN_PATH : '/score',
      body: row.json,
      scores: [model.expectedScore(row.row)],
    };
  });
}

interface Answer {
  readonly confidence_score: number;
}

/** Whether `body` is the right answer to `request`: as many scores as expected, all of them within the tolerance. */
export function isRight({ scores }: ScenarioRequest, body: string): boolean {
  const answers: readonly Answer[] = JSON.parse(body.startsWith('[') ? body : `[${body}]`);
  return (
    answers.length === scores.length &&
    answers.every(
      ({ confidence_score }, i) =>
        Math.abs(confidence_score - scores[i]) <= SCORE_TOLERANCE * Math.max(Math.abs(scores[i]), SCORE_TOLERANCE),
    )
  );
}
