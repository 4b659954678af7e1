import { quote } from '../../contract/mismatch.js';
import type { ProblemCode, ProblemOptions } from '../../contract/problem.js';
import type { ScoreRequest } from '../../contract/schemas.js';

/** Names listed in one problem; the rest are counted. */
const LISTED_NAMES = 5;

/** Why a request's features cannot be put in the model's order. */
export class FeatureMismatch {
  constructor(
    readonly code: Extract<ProblemCode, 'FEATURE_COUNT' | 'FEATURE_NAMES'>,
    readonly options: ProblemOptions,
  ) {}

  /** The same mismatch as item `index` of a batch. */
  inBatch(index: number): FeatureMismatch {
    const errors = (this.options.errors ?? []).map(({ pointer, detail }) => ({
      pointer: `/${index}${pointer}`,
      detail,
    }));
    return new FeatureMismatch(this.code, {
      ...this.options,
      detail: `Item ${index}: ${this.options.detail ?? ''}`,
      errors,
    });
  }
}

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
  if (same(modelNames, requestNames)) return null;
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

/** Matches the feature names of requests with those of one model. Belongs to one thread; drop it with the model. */
export class FeatureNames {
  readonly #names: readonly string[];
  readonly #indexOf: ReadonlyMap<string, number>;
  // The last other order seen: a client sends the same one each time, and comparing is cheaper than looking up.
  #other: { readonly names: readonly string[]; readonly order: Uint32Array } | undefined;

  /** @param names the model's feature names, in its own order. */
  constructor(names: readonly string[]) {
    this.#names = names;
    this.#indexOf = new Map(names.map((name, index) => [name, index]));
  }

  /**
   * The order of a request's features, or why there is none. Nothing is allocated where the order is the model's own or
   * the last other one.
   */
  resolve(request: ScoreRequest): FeatureOrder | FeatureMismatch {
    const count = this.#names.length;
    if (request.features.length !== count) return this.#wrongCount(request.features.length);
    const names = request.feature_names;
    if (names === undefined || same(names, this.#names)) return null;
    if (this.#other !== undefined && same(names, this.#other.names)) return this.#other.order;
    return this.#match(names);
  }

  #match(names: readonly string[]): Uint32Array | FeatureMismatch {
    const count = this.#names.length;
    if (names.length !== count) return this.#wrongNames(names);
    const order = new Uint32Array(count);
    const seen = new Uint8Array(count);
    for (let position = 0; position < count; position++) {
      const index = this.#indexOf.get(names[position]);
      if (index === undefined || seen[index] === 1) return this.#wrongNames(names);
      seen[index] = 1;
      order[index] = position;
    }
    this.#other = { names, order };
    return order;
  }

  #wrongCount(got: number): FeatureMismatch {
    const detail = `Expected ${this.#names.length} features`;
    return new FeatureMismatch('FEATURE_COUNT', {
      detail,
      errors: [{ pointer: '/features', detail: `${detail}, got ${got}` }],
    });
  }

  #wrongNames(names: readonly string[]): FeatureMismatch {
    const given = new Set(names);
    const unknown = names.flatMap((name, index) => (this.#indexOf.has(name) ? [] : [index]));
    const first = new Map<string, number>();
    const repeated = names.flatMap((name, index) => {
      if (!this.#indexOf.has(name)) return [];
      if (first.has(name)) return [index];
      first.set(name, index);
      return [];
    });
    const missing = this.#names.filter((name) => !given.has(name));
    const sentences = [
      list(
        'unknown',
        unknown.map((index) => names[index]),
      ),
      list('missing', missing),
      list(
        'repeated',
        repeated.map((index) => names[index]),
      ),
    ].filter((sentence) => sentence !== '');
    const errors = [
      ...unknown.slice(0, LISTED_NAMES).map((index) => ({
        pointer: `/feature_names/${index}`,
        detail: `${quote(names[index])} is not a feature of the model`,
      })),
      ...(missing.length > 0 ? [{ pointer: '/feature_names', detail: list('missing', missing) }] : []),
      ...repeated.slice(0, LISTED_NAMES).map((index) => ({
        pointer: `/feature_names/${index}`,
        detail: `${quote(names[index])} is already at /feature_names/${first.get(names[index])}`,
      })),
    ];
    return new FeatureMismatch('FEATURE_NAMES', {
      detail: `Feature names do not match the model: ${sentences.join('; ')}`,
      errors,
    });
  }
}

function same(names: readonly string[], others: readonly string[]): boolean {
  if (names.length !== others.length) return false;
  for (let i = 0; i < names.length; i++) if (names[i] !== others[i]) return false;
  return true;
}

function list(what: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const rest = names.length - LISTED_NAMES;
  return `${what} ${names.slice(0, LISTED_NAMES).map(quote).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
