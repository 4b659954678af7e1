/** The requests of a scenario, each with the answers that are right: asked of the server once before any load. */
import { Random } from '../../src/train/random.js';
import type { Expectation, ScheduledRequest } from '../load/scheduled.js';
import { type RowRequest, batchBodies, requestsFor } from '../traffic/bodies.js';
import { DoesNotFit } from '../traffic/does-not-fit.js';
import type { KnownModel } from '../traffic/known-model.js';
import type { Row } from '../traffic/rows.js';
import type { ServerFacts } from '../traffic/server-facts.js';
import type { Scenario } from './scenarios.js';
import type { Traffic } from './traffic.js';

/** Enough that no cache knows them all; of a file with more rows all are sent, up to the second number. */
const REQUESTS = { least: 200, most: 2000 } as const;
const BATCH_ROWS = 200;
const BATCHES = 20;
const SEED = 5;
/** Before the load, this many requests are under way at once. */
const AT_ONCE = 8;
const EXPLAIN_PATH = '/score?explain=shap&top_k=5';

interface ScenarioRequest {
  readonly path: string;
  readonly body: string;
  readonly rows: readonly RowRequest[];
}

/** The same scenario and rows give the same requests, in the same order. */
export function scenarioRequests(
  { batchShare, explainShare }: Pick<Scenario, 'batchShare' | 'explainShare'>,
  { rows, featureNames }: Pick<Traffic, 'rows' | 'featureNames'>,
): ScenarioRequest[] {
  const count = Math.min(REQUESTS.most, Math.max(REQUESTS.least, rows.length));
  const singles = requestsFor(rows, { seed: SEED, count, featureNames });
  const batches = batchBodies(singles, { rows: BATCH_ROWS, count: BATCHES });
  if (batchShare === 1) return batches.map(({ body, requests }) => ({ path: '/score_batch', body, rows: requests }));
  const random = new Random(SEED);
  let batch = 0;
  return singles.map((single): ScenarioRequest => {
    const kind = random.uniform();
    if (kind < batchShare) {
      const { body, requests } = batches[batch++ % BATCHES];
      return { path: '/score_batch', body, rows: requests };
    }
    return { path: kind < batchShare + explainShare ? EXPLAIN_PATH : '/score', body: single.json, rows: [single] };
  });
}

export interface CheckedTraffic {
  readonly requests: readonly ScheduledRequest[];
  /** What every answer is compared with, as a sentence. */
  readonly check: string;
}

/**
 * Sends each request once and compares its answer with what is known of it.
 * @throws DoesNotFit where the server refuses a request, or answers with other scores than those of a named model
 */
export async function checkedRequests(
  server: ServerFacts,
  requests: readonly ScenarioRequest[],
  { traffic, headers }: { readonly traffic: Traffic; readonly headers: Readonly<Record<string, string>> },
): Promise<CheckedTraffic> {
  const answers = await askAll(server, requests, headers);
  const scoresOf = traffic.models.map((model) => knownScores(model, traffic.featureNames));
  const [served] = scoresOf;
  const strange = served && firstDifference(requests, answers, served);
  if (strange !== undefined && traffic.named)
    throw new DoesNotFit(
      `${server.origin} serves another ${server.version} than ${traffic.models[0].folder}: it answers ${strange}`,
    );
  const known = served !== undefined && strange === undefined;
  const others = known ? traffic.models.slice(1) : [];
  const expected = requests.map((request, i): ScheduledRequest => {
    const spelled = expectation(request, server.version, answers[i].scores);
    const ofOthers = others.map(({ version }, m) =>
      expectation(
        request,
        version,
        request.rows.map(({ row }) => String(scoresOf[m + 1](row))),
      ),
    );
    return { path: request.path, body: request.body, rows: request.rows.length, answers: [spelled, ...ofOthers] };
  });
  return { requests: expected, check: known ? knownCheck(traffic.models) : UNKNOWN_CHECK };
}

const UNKNOWN_CHECK =
  'The model is not known here (--model DIR makes it known), so every answer is checked for its status and its ' +
  'shape, and for the score that the same row got before the load.';

function knownCheck(models: readonly KnownModel[]): string {
  const versions =
    models.length === 1
      ? 'the model'
      : `the version that it names (${models.map(({ version }) => version).join(', ')})`;
  return `Every score of every answer is compared, bit for bit, with the plain tree walk of ${versions}.`;
}

/** The score of a row whose values are in the order of `names`. */
function knownScores(model: KnownModel, names: readonly string[]): (row: Row) => number {
  const columns = model.featureNames.map((name) => names.indexOf(name));
  const known = new Map<Row, number>();
  return (row) => {
    const score = known.get(row) ?? model.score(columns.map((column) => row[column]));
    known.set(row, score);
    return score;
  };
}

interface Answer {
  /** As the server spells them. */
  readonly scores: readonly string[];
}

const SCORE = /"confidence_score":\s*([^,}\s]+)/g;

/** @returns the answers in the order of the requests */
async function askAll(
  server: ServerFacts,
  requests: readonly ScenarioRequest[],
  headers: Readonly<Record<string, string>>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const askInTurn = async (): Promise<void> => {
    while (next < requests.length) {
      const number = next++;
      answers[number] = await ask(server, requests[number], headers);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askInTurn));
  return answers;
}

/** @throws DoesNotFit where the answer is not a 200 with one score for each row */
async function ask(
  { origin, version }: ServerFacts,
  { path, body, rows }: ScenarioRequest,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const response = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body,
  });
  const text = await response.text();
  if (response.status === 401 || response.status === 403)
    throw new DoesNotFit(`${origin} requires an API key (status ${response.status}): set LIGHTSCORE_API_KEY`);
  if (response.status !== 200)
    throw new DoesNotFit(`${origin} refuses a request to ${path} with status ${response.status}: ${detailOf(text)}`);
  const scores = Array.from(text.matchAll(SCORE), ([, score]) => score);
  if (scores.length !== rows.length || scores.some((score) => !Number.isFinite(Number(score))))
    throw new DoesNotFit(`${origin} answers ${path} with ${scores.length} scores for ${rows.length} rows`);
  if (!text.includes(`"model_version":${JSON.stringify(version)}`))
    throw new DoesNotFit(`${origin} says that it serves ${version}, but answers come from another version`);
  return { scores };
}

/** The reason in problem details, or the beginning of any other text. */
function detailOf(text: string): string {
  return /"detail":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text.slice(0, 200);
}

/** @returns the first answer that has not the score of `score`, in words */
function firstDifference(
  requests: readonly ScenarioRequest[],
  answers: readonly Answer[],
  score: (row: Row) => number,
): string | undefined {
  for (const [i, { rows }] of requests.entries()) {
    for (const [r, { row }] of rows.entries()) {
      const [got, expected] = [answers[i].scores[r], score(row)];
      if (!Object.is(Number(got), expected)) return `${got} where the model gives ${expected}`;
    }
  }
  return undefined;
}

/** @param scores as they are spelled in the answer */
function expectation({ rows, path }: ScenarioRequest, version: string, scores: readonly string[]): Expectation {
  const batch = path === '/score_batch';
  const pieces = rows.flatMap(({ requestId }, i) => [
    `{"confidence_score":${scores[i]},`,
    '"top_features":[',
    `"model_version":${JSON.stringify(version)}`,
    ...(requestId === undefined ? [] : [`"request_id":${JSON.stringify(requestId)}`]),
  ]);
  const [first, ...contains] = pieces;
  return { version, begins: batch ? `[${first}` : first, contains, ends: batch ? '}]' : '}' };
}
