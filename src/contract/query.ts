/** The query parameters of requests: every route names those that it takes, and every other one is refused. */
import type { ProblemOptions } from './problem.js';
import { inWords, quote } from '../quote.js';

/**
 * Reads a query.
 *
 * @param query the text after the `?`, undecoded; empty without one
 * @param taken the names of the parameters that the route takes
 * @returns the values by name; where a parameter is unknown or repeated, the options of an INVALID_QUERY problem
 */
export function readQuery(
  query: string,
  taken: readonly string[],
): { readonly values: ReadonlyMap<string, string> } | { readonly fault: ProblemOptions } {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (values.has(name)) return { fault: { detail: `query parameter ${quote(name)} appears twice` } };
    if (!taken.includes(name)) return { fault: { detail: `unknown query parameter ${quote(name)}; ${listed(taken)}` } };
    values.set(name, value);
  }
  return { values };
}

function listed(taken: readonly string[]): string {
  if (taken.length === 0) return 'this route takes none';
  if (taken.length === 1) return `the only parameter is ${taken[0]}`;
  return `the parameters are ${inWords(taken)}`;
}

/** `importance`: by |value x split importance|. `shap`: by the absolute value of the exact SHAP value. */
export const EXPLANATIONS = ['importance', 'shap'] as const;

export type Explanation = (typeof EXPLANATIONS)[number];

/** How the top features of an answer are ranked. */
export interface ScoreQuery {
  readonly explain: Explanation;
  /** The maximum number of top features. */
  readonly topK: number;
}

export const DEFAULT_TOP_K = 3;

/** Maximum of `top_k`; for a model with fewer features, the answer has all of them. */
export const MAX_TOP_K = 1000;

/** What nearly all requests ask for; `parseScoreQuery` then returns this very object, which is found by identity. */
export const PLAIN_QUERY: ScoreQuery = Object.freeze({ explain: 'importance', topK: DEFAULT_TOP_K });

const SCORE_PARAMETERS = ['explain', 'top_k'] as const;

const SHAP_QUERY: ScoreQuery = Object.freeze({ explain: 'shap', topK: DEFAULT_TOP_K });

/** The parameters of a request without a query, to a server whose EXPLAIN is `explain`. */
export function defaultQuery(explain: Explanation): ScoreQuery {
  return explain === 'shap' ? SHAP_QUERY : PLAIN_QUERY;
}

/**
 * Parses the query of a scoring request.
 *
 * @param query the text after the `?`, undecoded; empty without one
 * @param defaults what holds where the query says nothing
 * @returns the parameters, or the options of an INVALID_QUERY problem
 */
export function parseScoreQuery(query: string, defaults: ScoreQuery = PLAIN_QUERY): ScoreQuery | ProblemOptions {
  if (query === '') return defaults;
  const read = readQuery(query, SCORE_PARAMETERS);
  if ('fault' in read) return read.fault;
  let { explain, topK } = defaults;
  for (const [name, value] of read.values) {
    if (name === 'explain') {
      const chosen = EXPLANATIONS.find((each) => each === value);
      if (chosen === undefined) return { detail: `explain must be importance or shap, not ${quote(value)}` };
      explain = chosen;
    } else {
      topK = /^\d{1,4}$/.test(value) ? Number(value) : 0;
      if (topK < 1 || topK > MAX_TOP_K)
        return { detail: `top_k must be a whole number from 1 to ${MAX_TOP_K}, not ${quote(value)}` };
    }
  }
  return topK === DEFAULT_TOP_K ? defaultQuery(explain) : { explain, topK };
}
