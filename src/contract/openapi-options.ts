/** What an OpenAPI document depends on: the server's configuration and the model that it serves. */
import type { Explanation } from './query.js';
import type { ScoreResponse } from './schemas.js';

/** A model and one real answer of it, for the examples. */
export interface ExampleModel {
  readonly modelVersion: string;
  readonly calibrationVersion: string;
  /** In the model's order. */
  readonly featureNames: readonly string[];
  /** The example row, in the same order; zeros if absent. */
  readonly features?: readonly (number | null)[];
  /** The answer to `features`; without it the answers have no example. */
  readonly response?: ScoreResponse;
}

export interface OpenApiOptions {
  /** Version of the server. */
  readonly version: string;
  /** The model that is served; without one the requests have no example. */
  readonly model?: ExampleModel;
  /** API_KEYS is set: scoring requires a key. */
  readonly scoringNeedsKey: boolean;
  /** METRICS_AUTH is set: /metrics requires a key. */
  readonly metricsNeedsKey: boolean;
  /** PUBLIC_URL: where the server is for its clients; relative to the document if absent. */
  readonly publicUrl?: string | undefined;
  /** ADMIN_API_KEYS is set: the admin routes exist. */
  readonly administered?: boolean;
  /** EXPLAIN: how answers rank top features where a request does not say; `importance` by default. */
  readonly explain?: Explanation;
}
