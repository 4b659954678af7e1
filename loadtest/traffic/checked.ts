/**
 * Requests with the answers they must get. Before a load, each request is sent once and its answer is compared with the
 * plain tree walk, number by number. Under load, every answer is compared with the beginning and end of that answer,
 * byte by byte.
 */
import type { CheckedRequest } from '../load/load.js';
import type { RowRequest } from './bodies.js';
import type { DemoModel } from './demo-model.js';

/**
 * The tolerance of a score against the plain tree walk, whose exponential may differ in the last bit; a steep
 * calibrator multiplies the difference.
 */
const TOLERANCE = 1e-9;
const TOP_FEATURES = 3;

interface Answer {
  readonly confidence_score: number;
  readonly top_features: readonly { readonly feature_name: string; readonly feature_value: number | null }[];
  readonly request_id: string;
}

/** @returns what is wrong with the answer to `request`, or undefined */
export function fault(
  model: Pick<DemoModel, 'featureNames' | 'expectedScore'>,
  request: RowRequest,
  answer: Answer,
  topK = TOP_FEATURES,
): string | undefined {
  const expected = model.expectedScore(request.row);
  const got = answer.confidence_score;
  if (!(Math.abs(got - expected) <= TOLERANCE * Math.max(Math.abs(expected), TOLERANCE)))
    return `confidence_score is ${got}, expected ${expected}`;
  if (request.requestId !== undefined && answer.request_id !== request.requestId)
    return `request_id is ${answer.request_id}, expected ${request.requestId}`;
  if (answer.top_features.length !== topK) return `there are ${answer.top_features.length} top features`;
  const misplaced = answer.top_features.find(
    ({ feature_name, feature_value }) => request.row[model.featureNames.indexOf(feature_name)] !== feature_value,
  );
  return misplaced === undefined
    ? undefined
    : `feature ${misplaced.feature_name} has the value ${misplaced.feature_value}`;
}

async function post(origin: string, path: string, body: string): Promise<string> {
  const response = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return text;
}

/**
 * @param path `/score`, with its query
 * @param topK the number of top features that the query requests
 * @returns each request with the beginning of its answer, up to the score, and its end, from the request id
 * @throws Error on the first answer that is wrong
 */
export async function checkedSingles(
  origin: string,
  path: string,
  requests: readonly RowRequest[],
  model: DemoModel,
  topK = TOP_FEATURES,
): Promise<CheckedRequest[]> {
  const checked: CheckedRequest[] = [];
  for (const request of requests) {
    const text = await post(origin, path, request.json);
    const answer: Answer = JSON.parse(text);
    const wrong = fault(model, request, answer, topK);
    if (wrong !== undefined) throw new Error(`${path}: ${wrong} in the answer to ${request.json}`);
    const end = request.requestId === undefined ? '' : `"request_id":${JSON.stringify(request.requestId)}`;
    // A request without an id gets a new one each time; in an explanation the expected value follows the id.
    checked.push({
      body: request.json,
      begins: upToScore(text),
      ends: end !== '' && text.endsWith(`${end}}`) ? `${end}}` : '}',
    });
  }
  return checked;
}

/**
 * Does the same for `/score_batch`: checks every row of every answer before the load, and the first score and the end
 * of the answer under load.
 */
export async function checkedBatches(
  origin: string,
  batches: readonly { readonly body: string; readonly requests: readonly RowRequest[] }[],
  model: DemoModel,
): Promise<CheckedRequest[]> {
  const checked: CheckedRequest[] = [];
  for (const { body, requests } of batches) {
    const text = await post(origin, '/score_batch', body);
    const answers: readonly Answer[] = JSON.parse(text);
    if (answers.length !== requests.length)
      throw new Error(`/score_batch answered ${answers.length} rows of ${requests.length}`);
    for (const [i, request] of requests.entries()) {
      const wrong = fault(model, request, answers[i]);
      if (wrong !== undefined) throw new Error(`/score_batch, row ${i}: ${wrong}`);
    }
    checked.push({ body, begins: upToScore(text), ends: '}]' });
  }
  return checked;
}

const upToScore = (text: string): string => text.slice(0, text.indexOf(',') + 1);

/** Returns the requests with the constant answer of the bare server. */
export function constantAnswers(requests: readonly CheckedRequest[], constant: string): CheckedRequest[] {
  return requests.map(({ body }) => ({ body, begins: constant.slice(0, 40), ends: constant.slice(-20) }));
}
