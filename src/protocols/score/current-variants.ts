/** The models that answer now, prepared again only when `Serving` changes, and a request reader for their features. */
import type { ScoreQuery } from '../../contract/query.js';
import type { ScoreRequest } from '../../contract/schemas.js';
import type { Exchange } from '../../http/exchange.js';
import type { RouteContext } from '../context.js';
import { requestIdOf } from './request-handler.js';
import { RequestReader } from './request-reader.js';
import { type Variants, variantsOf } from './variants.js';

export class CurrentVariants {
  /** Reads requests with the features that the last result of `now` expects. */
  readonly reader: RequestReader;
  readonly #context: RouteContext;
  #variants: Variants | undefined;

  constructor(context: RouteContext) {
    const { config, pool } = context;
    this.#context = context;
    this.reader = new RequestReader(pool.memory, pool.kernels.text, config.http.maxBatchRows);
  }

  /** The models that answer now; undefined until the first one is loaded. */
  now(): Variants | undefined {
    const serving = this.#context.serving();
    if (serving === undefined) return undefined;
    if (this.#variants?.serving !== serving) {
      this.#context.metrics.changeModels();
      this.#variants = variantsOf(serving, this.#context);
      this.reader.expect(serving.requestNames);
    }
    return this.#variants;
  }

  /** Like `now`, but refuses the request and returns undefined if no model is loaded or it cannot answer `query`. */
  ready(exchange: Exchange, query: ScoreQuery, request?: ScoreRequest): Variants | undefined {
    const variants = this.now();
    if (variants === undefined) {
      exchange.refuse('NOT_READY', requestIdOf(request));
      return undefined;
    }
    const { modelVersion, unexplained } = variants.champion.model.card;
    if (query.explain === 'shap' && unexplained !== undefined) {
      const detail = `Model ${modelVersion} has no SHAP values: ${unexplained}. Ask with explain=importance.`;
      exchange.refuse('EXPLAIN_UNSUPPORTED', { detail, ...requestIdOf(request) });
      return undefined;
    }
    return variants;
  }
}
