/**
 * The JSON Schemas (2020-12) of every HTTP body. The validators of `validators.generated.js` and the OpenAPI document
 * are both generated from these constants, so they cannot diverge.
 *
 * What depends on the served model, the number and names of its features, is checked in code. The limits here are
 * fixed; operators set lower ones with MAX_BODY_BYTES and MAX_BATCH_ROWS.
 */

/** Fixed limits on a request. Lengths of strings count UTF-16 code units, of which an emoji has two. */
export const SCHEMA_LIMITS = {
  /** Items of `features` and of `feature_names`. */
  features: 100_000,
  /** Rows of a batch; MAX_BATCH_ROWS cannot exceed it. */
  batchRows: 100_000,
  featureNameLength: 256,
  requestIdLength: 256,
} as const;

/** The name of a version: it cannot lead out of the store. */
export const VERSION_NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$';

/** The validated body of `POST /score`, and each item of `POST /score_batch`. */
export interface ScoreRequest {
  /** Raw feature values; null is a missing value, true is 1 and false 0. Every number is finite. */
  readonly features: readonly (number | boolean | null)[];
  /** Names of `features`, in the same order. If absent, null or empty, the features are in the model's order. */
  readonly feature_names?: readonly string[] | null;
  /** The client's identifier of the row, repeated in the answer. null is the same as none. */
  readonly request_id?: string | null;
}

export interface TopFeature {
  readonly feature_name: string;
  readonly feature_value: number | null;
  /** Split importance: how many splits of the model use the feature. */
  readonly importance: number;
  /** |value x importance|; with `explain=shap`, the signed SHAP value in raw-score space. */
  readonly contribution: number;
}

export interface ScoreResponse {
  /** Calibrated probability, 0 to 1. */
  readonly confidence_score: number;
  /** Sorted by |contribution|, largest first. */
  readonly top_features: readonly TopFeature[];
  readonly model_version: string;
  readonly calibration_version: string;
  /** Whole milliseconds. */
  readonly inference_time_ms: number;
  readonly request_id: string;
  /**
   * The mean raw score of the training rows, where the ranking is by SHAP: with all contributions it sums to the score.
   */
  readonly expected_value?: number;
}

/** Answer of `GET /healthz`. The versions are null until a model is served. */
export interface Health {
  readonly status: 'healthy';
  readonly model_loaded: boolean;
  readonly model_version: string | null;
  readonly calibration_version: string | null;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
}

/** Answer of `GET /livez`, and of `GET /readyz` if the server is ready; otherwise that answers with a problem. */
export interface ProbeStatus {
  readonly status: 'alive' | 'ready';
}

/** An error in a request body. */
export interface BodyError {
  /** JSON Pointer (RFC 6901) to the invalid part: "" is the body, "/17/features/3" the fourth feature of item 17. */
  readonly pointer: string;
  readonly detail: string;
}

/** Body of every error response: RFC 9457 problem details, `application/problem+json`. */
export interface ProblemDetails {
  /** URL of the entry in the `/docs` page that explains this kind of problem: below PUBLIC_URL, else relative. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly request_id?: string;
  /** The trace id of the request's `traceparent`: 32 hexadecimal digits. */
  readonly trace_id?: string;
  readonly errors?: readonly BodyError[];
}

const text = (description: string) => ({ type: 'string', description }) as const;

export const scoreRequestSchema = {
  type: 'object',
  description: 'One row to score.',
  additionalProperties: false,
  required: ['features'],
  properties: {
    features: {
      type: 'array',
      description:
        'Raw feature values, one for each feature of the model. null is a missing value; true is 1, and false is 0. ' +
        "NaN, which is not JSON but which Python's json module writes, is read as null.",
      maxItems: SCHEMA_LIMITS.features,
      // In compiled code, a union of types costs a few ns per item; anyOf and oneOf cost 20.
      items: { type: ['number', 'boolean', 'null'] },
    },
    feature_names: {
      type: ['array', 'null'],
      description:
        "The names of `features`, in the same order. Any order of the model's names is accepted. " +
        "If absent, null or empty, the features are in the model's order.",
      maxItems: SCHEMA_LIMITS.features,
      items: { type: 'string', maxLength: SCHEMA_LIMITS.featureNameLength },
    },
    request_id: {
      type: ['string', 'null'],
      description:
        "The client's identifier of the row, repeated in the answer. If absent or null, the server creates one. " +
        'Its length counts UTF-16 code units, of which a character beyond the basic plane has two.',
      maxLength: SCHEMA_LIMITS.requestIdLength,
    },
  },
} as const;

export const scoreBatchRequestSchema = {
  type: 'array',
  description: 'Rows to score, answered in the same order. If one row is invalid, the whole batch is refused.',
  minItems: 1,
  maxItems: SCHEMA_LIMITS.batchRows,
  items: scoreRequestSchema,
} as const;

export const topFeatureSchema = {
  type: 'object',
  required: ['feature_name', 'feature_value', 'importance', 'contribution'],
  properties: {
    feature_name: { type: 'string' },
    feature_value: { type: ['number', 'null'], description: 'The value in the request; null if it was missing.' },
    importance: {
      type: 'number',
      minimum: 0,
      description: 'Split importance: how many splits of the model use the feature.',
    },
    contribution: {
      type: 'number',
      description:
        '|value x importance|, 0 for a missing value. With explain=shap: the signed SHAP value, in raw-score space.',
    },
  },
} as const;

export const scoreResponseSchema = {
  type: 'object',
  required: [
    'confidence_score',
    'top_features',
    'model_version',
    'calibration_version',
    'inference_time_ms',
    'request_id',
  ],
  properties: {
    confidence_score: { type: 'number', minimum: 0, maximum: 1, description: 'Calibrated probability.' },
    top_features: { type: 'array', description: 'The largest contributions first.', items: topFeatureSchema },
    model_version: text('The version that answered.'),
    calibration_version: text("The version of that model's calibrator."),
    inference_time_ms: {
      type: 'integer',
      minimum: 0,
      description: 'Whole milliseconds from the arrival of the body to its score.',
    },
    request_id: text('The request_id of the request, or one that the server created.'),
    expected_value: {
      type: 'number',
      description:
        "Only with explain=shap: the model's mean raw score over its training rows. " +
        'Together with the SHAP values of all features, it adds up to the raw score of the row.',
    },
  },
} as const;

export const scoreBatchResponseSchema = {
  type: 'array',
  description: 'One answer per row, in the order of the request.',
  items: scoreResponseSchema,
} as const;

export const healthSchema = {
  type: 'object',
  required: ['status', 'model_loaded', 'model_version', 'calibration_version', 'timestamp'],
  properties: {
    status: { type: 'string', enum: ['healthy'] },
    model_loaded: { type: 'boolean', description: 'Whether a model is served.' },
    model_version: { type: ['string', 'null'] },
    calibration_version: { type: ['string', 'null'] },
    timestamp: text('ISO 8601, UTC.'),
  },
} as const;

export const probeStatusSchema = {
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string', enum: ['alive', 'ready'] } },
} as const;

export const bodyErrorSchema = {
  type: 'object',
  description: 'An invalid part of the body.',
  required: ['pointer', 'detail'],
  properties: {
    pointer: text('JSON Pointer into the body: /17/features/3 is the fourth feature of item 17.'),
    detail: { type: 'string' },
  },
} as const;

export const problemSchema = {
  type: 'object',
  description: 'RFC 9457 problem details.',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: {
      type: 'string',
      description: 'The kind of problem, as the URL of its explanation in the /docs page (below PUBLIC_URL, if set).',
    },
    title: text('The kind of problem in words; the same for every problem of this type.'),
    status: { type: 'integer', format: 'int32', minimum: 400, maximum: 599 },
    detail: text('What is wrong with this request.'),
    request_id: text('The request_id of the request if it could be read, or one that the server created.'),
    trace_id: text('The trace id of the traceparent header, if the request has one.'),
    errors: { type: 'array', description: 'The invalid parts of the body.', items: bodyErrorSchema },
  },
} as const;

/** The validated body of `PUT /admin/experiment`. */
export interface ExperimentRequest {
  readonly version: string;
  readonly mode: 'ab' | 'shadow';
  readonly share: number;
  /** The challenger that must be running; null for no experiment, absent for whichever. */
  readonly replaces?: string | null;
}

export const experimentRequestSchema = {
  type: 'object',
  description: 'The experiment to run.',
  additionalProperties: false,
  required: ['version', 'mode', 'share'],
  properties: {
    version: {
      type: 'string',
      pattern: VERSION_NAME_PATTERN,
      description: "The challenger's version: the name of its folder.",
    },
    mode: {
      type: 'string',
      enum: ['ab', 'shadow'],
      description:
        'ab: the challenger answers its share of the requests. ' +
        'shadow: the champion answers all requests, and the challenger scores its share of them as well.',
    },
    share: { type: 'number', minimum: 0, maximum: 1, description: 'Share of the requests, 0 to 1.' },
    replaces: {
      type: ['string', 'null'],
      pattern: VERSION_NAME_PATTERN,
      description:
        'The challenger that must be running now, or null if no experiment may be running; ' +
        'otherwise the answer is a 409. If absent, whatever is running is replaced.',
    },
  },
} as const;

/** The schemas of the bodies that clients send, by the names of their compiled validators. */
export const REQUEST_SCHEMAS = {
  validateScoreRequest: scoreRequestSchema,
  validateScoreBatchRequest: scoreBatchRequestSchema,
  validateExperimentRequest: experimentRequestSchema,
} as const;
