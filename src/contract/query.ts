/** The query parameters of `/score` and `/score_batch`. */
import type { ProblemOptions } from './problem.js';
import { quote } from '../quote.js';

/** How the top features of an answer are ranked. */
export interface ScoreQuery {
  /** `importance`: by |value x split importance|. `shap`: by the absolute value of the exact SHAP value. */
  readonly explain: 'importance' | 'shap';
  /** The maximum number of top features. */
  readonly topK: number;
}

export const DEFAULT_TOP_K = 3;

/** Maximum of `top_k`; for a model with fewer features, the answer has all of them. */
export const MAX_TOP_K = 1000;

/** The parameters of a request without a query; `parseScoreQuery` then returns this very object, not a copy. */
export const DEFAULT_QUERY: ScoreQuery = Object.freeze({ explain: 'importance', topK: DEFAULT_TOP_K });

/**
 * Parses the query of a scoring request.
 *
 * @param query the text after the `?`, undecoded; empty without one
 * @returns the parameters, or the options of an INVALID_QUERY problem
 */
export function parseScoreQuery(query: string): ScoreQuery | ProblemOptions {
  if (query === '') return DEFAULT_QUERY;
  let { explain, topK } = DEFAULT_QUERY;
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) return { detail: `query parameter ${quote(name)} appears twice` };
    seen.add(name);
    if (name === 'explain') {
      if (value !== 'shap') return { detail: `explain must be shap, not ${quote(value)}` };
      explain = 'shap';
    } else if (name === 'top_k') {
      topK = /^\d{1,4}$/.test(value) ? Number(value) : 0;
      if (topK < 1 || topK > MAX_TOP_K)
        return { detail: `top_k must be a whole number from 1 to ${MAX_TOP_K}, not ${quote(value)}` };
    } else {
      return { detail: `unknown query parameter ${quote(name)}; the parameters are explain and top_k` };
    }
  }
  return { explain, topK };
}
