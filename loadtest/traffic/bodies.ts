/** Generates request bodies as a mixed population of clients sends them. */
import { Random } from '../../src/train/random.js';
import { type Row, drawRow } from './rows.js';

/** One row as a client sends it. */
export interface RowRequest {
  /** In the model's order of features, null for a missing value. */
  readonly row: Row;
  readonly requestId: string | undefined;
  /** The body: the same features, with or without names, which may be in another order. */
  readonly json: string;
}

export interface RequestMix {
  readonly seed: number;
  readonly count: number;
  /** The model's own names. */
  readonly featureNames: readonly string[];
  readonly examples: readonly Row[];
}

/** The share of requests that name their features in the model's order. */
const NAMED = 0.55;
/** The share of requests that name their features in another order; all others have no names. */
const NAMED_OTHERWISE = 0.15;
const WITH_REQUEST_ID = 0.9;
/** The number of other orders. */
const OTHER_ORDERS = 4;

/** The same mix gives the same requests. */
export function rowRequests({ seed, count, featureNames, examples }: RequestMix): RowRequest[] {
  const random = new Random(seed);
  const orders = Array.from({ length: OTHER_ORDERS }, () => {
    const order = Uint32Array.from(featureNames.keys());
    random.shuffle(order);
    return order;
  });
  const inOrder = Uint32Array.from(featureNames.keys());
  return Array.from({ length: count }, (_, number) => {
    const row = drawRow(random, examples);
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

/** Bodies for `/score_batch` of `rows` rows each, which take the requests in turn. */
export function batchBodies(
  requests: readonly RowRequest[],
  rows: number,
  count: number,
): { readonly body: string; readonly requests: readonly RowRequest[] }[] {
  return Array.from({ length: count }, (_, batch) => {
    const members = Array.from({ length: rows }, (_row, i) => requests[(batch * rows + i) % requests.length]);
    return { body: `[${members.map(({ json }) => json).join()}]`, requests: members };
  });
}
