/** The order of features: a model's own against that of requests. */

/**
 * The position of each feature of the model in a request: `features[order[i]]` is the model's feature i.
 * Null means that the request is in the model's own order. An order is never changed once it is handed out, so a batch
 * may keep it.
 */
export type FeatureOrder = Uint32Array | null;

/**
 * The position of each of a model's features among the names that requests use.
 * @returns null where both are the same names in the same order; undefined where requests lack one of the features
 */
export function columnsOf(modelNames: readonly string[], requestNames: readonly string[]): FeatureOrder | undefined {
  if (sameNames(modelNames, requestNames)) return null;
  const indexOf = new Map(requestNames.map((name, index) => [name, index]));
  const columns = new Uint32Array(modelNames.length);
  for (const [i, name] of modelNames.entries()) {
    const index = indexOf.get(name);
    if (index === undefined) return undefined;
    columns[i] = index;
  }
  return columns;
}

/** Composes the order of a request with the columns of a model that names its features in another order. */
export class ColumnOrders {
  readonly #columns: Uint32Array;
  #last: { readonly order: Uint32Array; readonly composed: Uint32Array } | undefined;

  constructor(columns: Uint32Array) {
    this.#columns = columns;
  }

  of(order: FeatureOrder): FeatureOrder {
    if (order === null) return this.#columns;
    if (this.#last?.order !== order) this.#last = { order, composed: this.#columns.map((column) => order[column]) };
    return this.#last.composed;
  }
}

/** Whether two lists hold the same names in the same order. */
export function sameNames(names: readonly string[], others: readonly string[]): boolean {
  if (names.length !== others.length) return false;
  for (let i = 0; i < names.length; i++) if (names[i] !== others[i]) return false;
  return true;
}
