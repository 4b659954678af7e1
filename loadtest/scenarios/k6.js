/**
 * Runs the scenarios of scenarios.json with k6, against a server that runs; the run fails if a threshold is exceeded:
 *
 *     k6 run -e URL=http://localhost:8000 -e SCENARIO=constant loadtest/scenarios/k6.js
 *
 * Before any load the server is asked what it serves. Rows are drawn around the examples of its /openapi.json, and each
 * answer is checked for its status and its shape. Requests with the scores that they must get are written by
 * `npm run load`, from any model and any rows:
 *
 *     npm run load -- constant --url http://localhost:8000 --model models/v1.0.0 --write-requests requests.json
 *     k6 run -e URL=http://localhost:8000 -e REQUESTS=requests.json loadtest/scenarios/k6.js
 *
 * RATE (requests a second of the busiest stage), DURATION (seconds of all stages), P99 (milliseconds) and CONNECTIONS
 * change the scenario as the options of `npm run load` do. LIGHTSCORE_API_KEY is sent as X-API-Key. k6 ends with 0
 * where the thresholds are met, 99 where one is not, 108 where the server does not fit.
 */
import { check } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';
import http from 'k6/http';

const name = __ENV.SCENARIO || 'constant';
const scenarios = JSON.parse(open('./scenarios.json'));
const scenario = scenarios[name];
if (scenario === undefined)
  throw new Error(`there is no SCENARIO ${name}; there are ${Object.keys(scenarios).join(', ')}`);
const origin = (__ENV.URL || 'http://localhost:8000').replace(/\/+$/, '');
const written = __ENV.REQUESTS
  ? new SharedArray('requests', () => JSON.parse(open(fromHere(__ENV.REQUESTS))))
  : undefined;
const connections = Number(__ENV.CONNECTIONS || scenario.connections);
const params = {
  headers: Object.assign(
    { 'Content-Type': 'application/json' },
    __ENV.LIGHTSCORE_API_KEY ? { 'X-API-Key': __ENV.LIGHTSCORE_API_KEY } : {},
  ),
};
const DRAWN = { rows: 200, batches: 20, batchRows: 200 };

/** A relative path is relative to this script for k6, but to the working directory for whoever writes it. */
function fromHere(path) {
  return path.startsWith('/') ? path : `${__ENV.PWD}/${path}`;
}

/** Each stage has its full rate from the start: a stage of zero length jumps to that rate. */
function stages() {
  const peak = Math.max(...scenario.stages.map(({ rate }) => rate));
  const seconds = scenario.stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const faster = Number(__ENV.RATE || peak) / peak;
  const longer = Number(__ENV.DURATION || seconds) / seconds;
  return scenario.stages.flatMap((stage) => {
    const target = Math.max(1, Math.round(stage.rate * faster));
    return [
      { duration: '0s', target },
      { duration: `${Math.round(1000 * stage.seconds * longer)}ms`, target },
    ];
  });
}

export const options = {
  scenarios: {
    [name]: {
      executor: 'ramping-arrival-rate',
      startRate: stages()[0].target,
      timeUnit: '1s',
      preAllocatedVUs: connections,
      maxVUs: connections * 2,
      stages: stages(),
    },
  },
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    // The tag excludes the requests of setup.
    [`http_req_duration{scenario:${name}}`]: [`p(99)<${__ENV.P99 || scenario.limits.p99Ms}`],
    dropped_iterations: ['count==0'],
  },
  summaryTrendStats: ['p(50)', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
};

/** Ends the run with one sentence, before any load. */
function refuse(sentence) {
  exec.test.abort(sentence);
}

function get(path) {
  const response = http.get(`${origin}${path}`, { responseCallback: null });
  if (response.status === 0)
    refuse(`${origin} cannot be reached (${response.error}): start a server there (npm start)`);
  return response;
}

function servedVersion() {
  const response = get('/healthz');
  let health = {};
  try {
    health = response.json();
  } catch {
    refuse(`${origin} is no scoring server: it answers /healthz with status ${response.status} and no model state`);
  }
  if (health.model_loaded !== true) refuse(`${origin} is not ready: it has not loaded a model`);
  return health.model_version;
}

/** The examples of the server's own documentation. */
function examples() {
  const body = get('/openapi.json').json().paths['/score'].post.requestBody.content['application/json'];
  const all = [body.example].concat(Object.values(body.examples || {}).map(({ value }) => value));
  const given = all.filter((example) => example !== undefined);
  if (given.length === 0)
    refuse(`${origin} gives no example of a row: write requests with npm run load, and name them by REQUESTS`);
  return given;
}

/** Around the examples; whole numbers stay whole. */
function drawnRequests(given) {
  const near = (value) => {
    const moved = value * (0.5 + Math.random());
    return Number.isInteger(value) ? Math.round(moved) : moved;
  };
  const bodies = Array.from({ length: DRAWN.rows }, (_, i) => {
    const { features, feature_names } = given[i % given.length];
    return {
      features: features.map((value) => (value === null ? null : near(value))),
      feature_names,
      request_id: `k6-${i}`,
    };
  });
  const batch = (first) => {
    const rows = Array.from({ length: DRAWN.batchRows }, (_, row) => bodies[(first + row) % bodies.length]);
    return { path: '/score_batch', body: JSON.stringify(rows), rows: rows.length };
  };
  const { batchShare, explainShare } = scenario;
  if (batchShare === 1) return bodies.slice(0, DRAWN.batches).map((_, i) => batch(i));
  return bodies.map((body, i) => {
    const kind = Math.random();
    if (kind < batchShare) return batch(i);
    const path = kind < batchShare + explainShare ? '/score?explain=shap&top_k=5' : '/score';
    return { path, body: JSON.stringify(body), rows: 1 };
  });
}

/**
 * Asks the server what it serves, and sends each request once: V8 compiles the server's code while it runs, and a
 * request that is refused ends the run before any load.
 */
export function setup() {
  const version = servedVersion();
  const given = written === undefined ? examples() : [];
  const requests = written === undefined ? drawnRequests(given) : written;
  const named = written && written[0].answers[0].version;
  if (named !== undefined && named !== version)
    refuse(`${origin} serves ${version}, but the requests of ${__ENV.REQUESTS} have the scores of ${named}`);
  for (const request of requests) {
    const response = http.post(`${origin}${request.path}`, request.body, params);
    if (response.status !== 200)
      refuse(
        `${origin} refuses a request to ${request.path} with status ${response.status}: ` +
          String(response.body).slice(0, 300),
      );
    if (!right(request, response))
      refuse(
        `${origin} serves another ${version} than that of ${__ENV.REQUESTS}: it answers ` +
          String(response.body).slice(0, 300),
      );
  }
  return { given };
}

/** As many scores as rows, and where they are known, these. */
function right({ rows, answers }, response) {
  const text = response.body;
  if (text.split('"confidence_score":').length !== rows + 1) return false;
  return answers === undefined || answers.some((answer) => matches(text, answer));
}

function matches(text, { begins, contains, ends }) {
  if (!text.startsWith(begins) || !text.endsWith(ends)) return false;
  let from = begins.length;
  return contains.every((piece) => {
    const at = text.indexOf(piece, from);
    from = at + piece.length;
    return at >= 0;
  });
}

/** Of this virtual user: what setup returns is read again for each iteration, so it returns no more than examples. */
let requests = written;

export default function ({ given }) {
  if (requests === undefined) requests = drawnRequests(given);
  const request = requests[exec.scenario.iterationInTest % requests.length];
  const response = http.post(`${origin}${request.path}`, request.body, params);
  check(response, {
    'status is 200': ({ status }) => status === 200,
    'the answer is right': (answer) => answer.status === 200 && right(request, answer),
  });
}
