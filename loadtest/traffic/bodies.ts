/** Request bodies like those of a mixed population of clients. */
import { Random } from '../../src/train/random.js';
import { type Row, drawRow } from './rows.js';

/** One row as a client sends it. */
export interface RowRequest {
  /** In the model's order of features, null for missing. */
  readonly row: Row;
  readonly requestId: string | undefined;
  /** The request as JSON: the same features, possibly named, possibly in another order. */
  readonly json: string;
}

interface Mix {
  readonly seed: number;
  readonly count: number;
  /** The features of the model, in its order. */
  readonly featureNames: readonly string[];
}

export interface RequestMix extends Mix {
  readonly examples: readonly Row[];
}

/** Shares of the clients that name their features in the model's order, and in another order; the rest do not. */
const NAMED = 0.55;
const NAMED_OTHERWISE = 0.15;
const WITH_REQUEST_ID = 0.9;
/** The number of other orders in which clients name their features. */
const OTHER_ORDERS = 4;

/** Draws rows like the examples. The same mix gives the same requests. */
export function rowRequests({ examples, ...mix }: RequestMix): RowRequest[] {
  return requestsOf(mix, (random) => drawRow(random, examples));
}

/** Takes the rows as they are, again from the first one if there are fewer than `count`. */
export function requestsFor(rows: readonly Row[], mix: Mix): RowRequest[] {
  return requestsOf(mix, (_, number) => rows[number % rows.length]);
}

function requestsOf(
  { seed, count, featureNames }: Mix,
  nextRow: (random: Random, number: number) => Row,
): RowRequest[] {
  const random = new Random(seed);
  const orders = Array.from({ length: OTHER_ORDERS }, () => {
    const order = Uint32Array.from(featureNames.keys());
    random.shuffle(order);
    return order;
  });
  const inOrder = Uint32Array.from(featureNames.keys());
  return Array.from({ length: count }, (_, number) => {
    const row = nextRow(random, number);
    const kind = random.uniform();
    const named = kind < NAMED + NAMED_OTHERWISE;
    const order = kind >= NAMED && named ? orders[random.below(OTHER_ORDERS)] : inOrder;
    const requestId = random.chance(WITH_REQUEST_ID)
      ? `app-${seed}-${number}-${random.below(2 ** 31).toString(36)}`
      : undefined;
    const json = JSON.stringify({
      features: Array.from(order, (feature) => row[feature]),
      ...(named && { feature_names: Array.from(order, (feature) => featureNames[feature]) }),
      ...(requestId !== undefined && { request_id: requestId }),
    });
    return { row, requestId, json };
  });
}

/** Creates `count` bodies for `/score_batch`, of `rows` requests each, in turn. */
export function batchBodies(
  requests: readonly RowRequest[],
  { rows, count }: { readonly rows: number; readonly count: number },
): { readonly body: string; readonly requests: readonly RowRequest[] }[] {
  return Array.from({ length: count }, (_, batch) => {
    const members = Array.from({ length: rows }, (_row, i) => requests[(batch * rows + i) % requests.length]);
    return { body: `[${members.map(({ json }) => json).join()}]`, requests: members };
  });
}
