/**
 * Runs the scenarios of scenarios.json with k6; the run fails if a threshold is exceeded:
 *
 *     node dist/loadtest/run-scenario.js burst --write-requests /tmp/burst.json
 *     k6 run -e SCENARIO=burst -e REQUESTS=/tmp/burst.json -e URL=http://127.0.0.1:8000 loadtest/scenarios/k6.js
 *
 * The server must serve the model of test/data/models that the expected scores were computed with. TIME_SCALE shortens
 * stages.
 */
import { check } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';
import http from 'k6/http';

const scenario = JSON.parse(open('./scenarios.json'))[__ENV.SCENARIO];
if (scenario === undefined) throw new Error(`SCENARIO=${__ENV.SCENARIO} is not in scenarios.json`);
const requests = new SharedArray('requests', () => JSON.parse(open(__ENV.REQUESTS)));
const origin = __ENV.URL || 'http://127.0.0.1:8000';
const timeScale = Number(__ENV.TIME_SCALE || 1);
const tolerance = 1e-9;

/** Each stage has its full rate from the start, as with autocannon: a stage of zero length jumps to that rate. */
function stages() {
  return scenario.stages.flatMap(({ seconds, rate }) => [
    { duration: '0s', target: rate },
    { duration: `${Math.max(1, Math.round(seconds * timeScale))}s`, target: rate },
  ]);
}

export const options = {
  scenarios: {
    [__ENV.SCENARIO]: {
      executor: 'ramping-arrival-rate',
      startRate: scenario.stages[0].rate,
      timeUnit: '1s',
      preAllocatedVUs: scenario.connections,
      maxVUs: scenario.connections * 2,
      stages: stages(),
    },
  },
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    // The tag excludes the warm-up.
    [`http_req_duration{scenario:${__ENV.SCENARIO}}`]: [`p(99)<${scenario.limits.p99Ms}`],
    dropped_iterations: ['count==0'],
  },
  summaryTrendStats: ['p(50)', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
};

function right(request, response) {
  const parsed = response.json();
  const answers = Array.isArray(parsed) ? parsed : [parsed];
  return (
    answers.length === request.scores.length &&
    request.scores.every(
      (score, i) => Math.abs(answers[i].confidence_score - score) <= tolerance * Math.max(Math.abs(score), tolerance),
    )
  );
}

/** Sends each request once before the measurement, because V8 compiles the server's code while it runs. */
export function setup() {
  for (const { path, body } of requests)
    http.post(`${origin}${path}`, body, { headers: { 'Content-Type': 'application/json' } });
}

export default function () {
  const request = requests[exec.scenario.iterationInTest % requests.length];
  const response = http.post(`${origin}${request.path}`, request.body, {
    headers: { 'Content-Type': 'application/json' },
  });
  check(response, {
    'status is 200': ({ status }) => status === 200,
    'scores are right': (answer) => answer.status === 200 && right(request, answer),
  });
}
