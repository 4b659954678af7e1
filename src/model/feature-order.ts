/** In which order features stand: those of a model against those of requests. */

/**
 * Where each feature of the model stands in a request: `features[order[i]]` is the model's feature i.
 * Null: the request is in the model's own order. Never written to after it was handed out, so a batch may keep it.
 */
export type FeatureOrder = Uint32Array | null;

/**
 * Where each of a model's features stands among the names that requests come by.
 * @returns null where they are the same in the same order; undefined where one of them is not there
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

/** Turns orders of requests by their own names into orders by the features of a model that has other columns. */
export class ColumnOrders {
  #last: { readonly order: Uint32Array; readonly composed: Uint32Array } | undefined;

  constructor(private readonly columns: Uint32Array) {}

  of(order: FeatureOrder): FeatureOrder {
    if (order === null) return this.columns;
    if (this.#last?.order !== order) this.#last = { order, composed: this.columns.map((column) => order[column]) };
    return this.#last.composed;
  }
}

/** Whether two lists hold the same names in the same order. */
export function sameNames(names: readonly string[], others: readonly string[]): boolean {
  if (names.length !== others.length) return false;
  for (let i = 0; i < names.length; i++) if (names[i] !== others[i]) return false;
  return true;
}
