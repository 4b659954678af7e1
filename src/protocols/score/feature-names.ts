/** Matches the feature names of a request with the model's, and explains a mismatch. */
import type { ProblemCode, ProblemOptions } from '../../contract/problem.js';
import type { ScoreRequest } from '../../contract/schemas.js';
import { type FeatureOrder, sameNames } from '../../model/feature-order.js';
import { quote } from '../../quote.js';

/** How many names a problem lists; it gives only the number of the others. */
const MAX_LISTED_NAMES = 5;

/** The reason why a request's features do not match the model's. */
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

/** Matches the feature names of requests with those of one model. An instance belongs to one thread. */
export class FeatureNames {
  readonly #names: readonly string[];
  readonly #indexOf: ReadonlyMap<string, number>;
  /** By names with underscores for spaces, as LightGBM writes them; without those that would be ambiguous. */
  readonly #spaceless: ReadonlyMap<string, number>;
  // The last order that was not the model's. Clients repeat theirs, and comparing names is cheaper than lookups.
  #other: { readonly names: readonly string[]; readonly order: Uint32Array } | undefined;

  /** @param names the model's feature names, in the model's order */
  constructor(names: readonly string[]) {
    this.#names = names;
    this.#indexOf = new Map(names.map((name, index) => [name, index]));
    const spaceless = new Map<string, number>();
    const ambiguous = new Set<string>();
    for (const [index, name] of names.map(withoutSpaces).entries()) {
      if (spaceless.has(name)) ambiguous.add(name);
      spaceless.set(name, index);
    }
    for (const name of ambiguous) spaceless.delete(name);
    this.#spaceless = spaceless;
  }

  /**
   * Returns the order of a request's features, or the reason why they do not match. Allocates nothing if the order is
   * the model's, or the one that was cached last.
   */
  resolve(request: ScoreRequest): FeatureOrder | FeatureMismatch {
    const count = this.#names.length;
    if (request.features.length !== count) return this.#wrongCount(request.features.length);
    const names = request.feature_names ?? [];
    // Some generated clients send an empty list where their caller gave none.
    if (names.length === 0 || sameNames(names, this.#names)) return null;
    if (this.#other !== undefined && sameNames(names, this.#other.names)) return this.#other.order;
    return this.#match(names);
  }

  #match(names: readonly string[]): Uint32Array | FeatureMismatch {
    const count = this.#names.length;
    if (names.length !== count) return this.#wrongNames(names);
    const order = new Uint32Array(count);
    const seen = new Uint8Array(count);
    for (let position = 0; position < count; position++) {
      const index = this.#find(names[position]);
      if (index === undefined || seen[index] === 1) return this.#wrongNames(names);
      seen[index] = 1;
      order[index] = position;
    }
    this.#other = { names, order };
    return order;
  }

  /** LightGBM writes spaces in names as underscores: a client may have either. */
  #find(name: string): number | undefined {
    return this.#indexOf.get(name) ?? this.#spaceless.get(withoutSpaces(name));
  }

  #wrongCount(got: number): FeatureMismatch {
    const detail = `Expected ${this.#names.length} features`;
    return new FeatureMismatch('FEATURE_COUNT', {
      detail,
      errors: [{ pointer: '/features', detail: `${detail}, got ${got}` }],
    });
  }

  #wrongNames(names: readonly string[]): FeatureMismatch {
    const given = new Set(names.map((name) => this.#find(name)));
    const unknown = names.flatMap((name, index) => (this.#find(name) === undefined ? [index] : []));
    const first = new Map<number, number>();
    const repeated = names.flatMap((name, index) => {
      const feature = this.#find(name);
      if (feature === undefined) return [];
      if (first.has(feature)) return [index];
      first.set(feature, index);
      return [];
    });
    const missing = this.#names.filter((_, feature) => !given.has(feature));
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
      ...unknown.slice(0, MAX_LISTED_NAMES).map((index) => ({
        pointer: `/feature_names/${index}`,
        detail: `${quote(names[index])} is not a feature of the model`,
      })),
      ...(missing.length > 0 ? [{ pointer: '/feature_names', detail: list('missing', missing) }] : []),
      ...repeated.slice(0, MAX_LISTED_NAMES).map((index) => ({
        pointer: `/feature_names/${index}`,
        detail: `${quote(names[index])} is already at /feature_names/${first.get(this.#find(names[index]) ?? -1)}`,
      })),
    ];
    return new FeatureMismatch('FEATURE_NAMES', {
      detail: `Feature names do not match the model: ${sentences.join('; ')}`,
      errors,
    });
  }
}

const withoutSpaces = (name: string): string => name.replaceAll(' ', '_');

function list(what: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const rest = names.length - MAX_LISTED_NAMES;
  return `${what} ${names
    .slice(0, MAX_LISTED_NAMES)
    .map((name) => quote(name))
    .join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
