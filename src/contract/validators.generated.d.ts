/** The types of `validators.generated.js`. */
import type { ExperimentRequest, ScoreRequest } from './schemas.js';

/** Why a part of a body does not match its schema: the fields of ajv's `ErrorObject` that are used. */
export interface SchemaMismatch {
  /** JSON Pointer into the body. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A compiled schema. After it has returned false, `errors` holds the first mismatch until the next call. */
export interface Validator<T> {
  (body: unknown): body is T;
  readonly errors?: readonly SchemaMismatch[] | null;
}

export declare const validateScoreRequest: Validator<ScoreRequest>;
export declare const validateScoreBatchRequest: Validator<readonly ScoreRequest[]>;
export declare const validateExperimentRequest: Validator<ExperimentRequest>;
