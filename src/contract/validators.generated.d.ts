import type { ExperimentRequest, ScoreRequest } from './schemas.js';

/** Where and why a body does not match its schema; ajv's `ErrorObject`, as far as it is used. */
export interface SchemaMismatch {
  /** JSON Pointer into the body. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A compiled schema. After a `false`, and until the next call, `errors` holds the first mismatch. */
export interface Validator<T> {
  (body: unknown): body is T;
  readonly errors?: readonly SchemaMismatch[] | null;
}

export declare const validateScoreRequest: Validator<ScoreRequest>;
export declare const validateScoreBatchRequest: Validator<readonly ScoreRequest[]>;
export declare const validateExperimentRequest: Validator<ExperimentRequest>;
