/**
 * The JSON Schemas (2020-12) of every HTTP body. The validators of `validators.generated.js` and the OpenAPI document
 * are both made from these constants, so neither can drift from the other.
 *
 * What depends on the served model (how many features, which names) is checked in code, not here. The limits here are
 * hard ceilings that no setting can lift; MAX_BODY_BYTES and MAX_BATCH_ROWS are the limits an operator sets below them.
 */

/** Hard ceilings of a request. Lengths of strings are counted in UTF-16 code units. */
export const CEILING = {
  /** Items of one `features` or `feature_names`. */
  features: 100_000,
  /** Items of one batch; MAX_BATCH_ROWS cannot exceed it. */
  batchRows: 100_000,
  featureNameLength: 256,
  requestIdLength: 256,
} as const;

/** Body of `POST /score`, and item of `POST /score_batch`, once validated. */
export interface ScoreRequest {
  /** Raw feature values; null is a missing value. Every number is finite. */
  readonly features: readonly (number | null)[];
  /** Names of `features`, in the same order. Absent: the model's own order. */
  readonly feature_names?: readonly string[];
  /** The caller's own identifier, echoed in the answer. */
  readonly request_id?: string;
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
  /** By falling |contribution|. */
  readonly top_features: readonly TopFeature[];
  readonly model_version: string;
  readonly calibration_version: string;
  /** Whole milliseconds. */
  readonly inference_time_ms: number;
  readonly request_id: string;
  /** Only with `explain=shap`: the raw score of an average row, to which the contributions of all features add. */
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

/** Answer of `GET /livez` and, once a model is warm, of `GET /readyz` (whose refusal is a problem). */
export interface ProbeStatus {
  readonly status: 'alive' | 'ready';
}

/** One place of a request body that is wrong. */
export interface ProblemPlace {
  /** JSON Pointer (RFC 6901) into the body: "" is the whole body, "/17/features/3" the fourth feature of item 17. */
  readonly pointer: string;
  readonly detail: string;
}

/** Body of every refusal: RFC 9457 problem details, `application/problem+json`. */
export interface ProblemDetails {
  /** Relative to the request: a place in the `/docs` page that explains this kind of problem. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly request_id?: string;
  /** Of the request's `traceparent`: 32 hexadecimal digits. */
  readonly trace_id?: string;
  readonly errors?: readonly ProblemPlace[];
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
      description: 'Raw feature values, as many as the model has. null is a missing value.',
      maxItems: CEILING.features,
      // A union of types costs 3.5 ns an item in compiled code; anyOf and oneOf cost 20.
      items: { type: ['number', 'null'] },
    },
    feature_names: {
      type: 'array',
      description:
        "The names of `features`, in the same order. Any order of the model's names is accepted. Absent: the model's own order.",
      maxItems: CEILING.features,
      items: { type: 'string', maxLength: CEILING.featureNameLength },
    },
    request_id: {
      type: 'string',
      description: "The caller's own identifier, echoed in the answer. Absent: the server makes one.",
      maxLength: CEILING.requestIdLength,
    },
  },
} as const;

export const scoreBatchRequestSchema = {
  type: 'array',
  description: 'Rows to score, answered in the same order. One bad row refuses the whole batch.',
  minItems: 1,
  maxItems: CEILING.batchRows,
  items: scoreRequestSchema,
} as const;

export const topFeatureSchema = {
  type: 'object',
  required: ['feature_name', 'feature_value', 'importance', 'contribution'],
  properties: {
    feature_name: { type: 'string' },
    feature_value: { type: ['number', 'null'], description: 'The value sent; null where it was missing.' },
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
    inference_time_ms: { type: 'integer', minimum: 0, description: 'Whole milliseconds.' },
    request_id: text("The request's own, or one the server made."),
    expected_value: {
      type: 'number',
      description:
        'Only with explain=shap: the raw score of an average row. It and the SHAP values of all features add up to the raw score.',
    },
  },
} as const;

export const scoreBatchResponseSchema = {
  type: 'array',
  description: 'One answer a row, in the order of the request.',
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

export const problemSchema = {
  type: 'object',
  description: 'RFC 9457 problem details.',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: { type: 'string', description: 'The kind of problem: a place in the /docs page that explains it.' },
    title: text('The kind of problem in words; the same for every problem of this type.'),
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: text('What was wrong with this request.'),
    request_id: text("The request's own, where it could be read, or one the server made; it is in the server's log."),
    trace_id: text("Of the request's traceparent header, where it has one."),
    errors: {
      type: 'array',
      description: 'Which places of the body are wrong.',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: {
          pointer: text('JSON Pointer into the body: /17/features/3 is the fourth feature of item 17.'),
          detail: { type: 'string' },
        },
      },
    },
  },
} as const;

/** Body of `PUT /admin/experiment`, once validated. */
export interface ExperimentRequest {
  readonly version: string;
  readonly mode: 'ab' | 'shadow';
  readonly share: number;
}

export const experimentRequestSchema = {
  type: 'object',
  description: 'The experiment that should run.',
  additionalProperties: false,
  required: ['version', 'mode', 'share'],
  properties: {
    version: { type: 'string', maxLength: 128, description: "The challenger's version, by its folder's name." },
    mode: {
      type: 'string',
      enum: ['ab', 'shadow'],
      description:
        'ab: the challenger answers its share. shadow: the champion answers all, and the challenger scores its share as well.',
    },
    share: { type: 'number', minimum: 0, maximum: 1, description: 'Share of the requests, 0 to 1.' },
  },
} as const;

/** The bodies a client sends, by the name of their compiled validator. */
export const REQUEST_SCHEMAS = {
  validateScoreRequest: scoreRequestSchema,
  validateScoreBatchRequest: scoreBatchRequestSchema,
  validateExperimentRequest: experimentRequestSchema,
} as const;
