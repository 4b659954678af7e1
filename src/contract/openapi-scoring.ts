/** The scoring routes in the OpenAPI document, with the number and the names of the served model's features. */
import type { ExampleModel, OpenApiOptions } from './openapi-options.js';
import {
  FRAMING,
  type JsonObject,
  KEY_REFUSALS,
  type Paths,
  answer,
  ref,
  refusals,
  requestBody,
  security,
} from './openapi-parts.js';
import type { ProblemCode } from './problem.js';
import { DEFAULT_TOP_K, EXPLANATIONS, type Explanation, MAX_TOP_K } from './query.js';
import type { ScoreRequest } from './schemas.js';

/** The request_id of the examples. */
export const EXAMPLE_REQUEST_ID = 'test-123';

const SCORING_REFUSALS = [
  'MALFORMED_JSON',
  'INVALID_BODY',
  'INVALID_QUERY',
  'FEATURE_COUNT',
  'FEATURE_NAMES',
  'EXPLAIN_UNSUPPORTED',
  'SCORE_NOT_FINITE',
  'METHOD_NOT_ALLOWED',
  'BODY_TIMEOUT',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'UNSUPPORTED_ENCODING',
  ...FRAMING,
  'RATE_LIMITED',
  'INTERNAL',
  'NOT_READY',
  'OVERLOADED',
  'DEADLINE_EXCEEDED',
  'DRAINING',
] as const;

const scoringParameters = (explain: Explanation): readonly JsonObject[] => [
  {
    name: 'explain',
    in: 'query',
    description:
      'importance: rank the top features by |value x importance|. shap: rank them by their exact SHAP value, ' +
      `and return the signed SHAP value as the contribution. The default of this server is ${explain}.`,
    schema: { type: 'string', enum: EXPLANATIONS, default: explain },
  },
  {
    name: 'top_k',
    in: 'query',
    description: 'How many top features the answer lists.',
    schema: { type: 'integer', format: 'int32', minimum: 1, maximum: MAX_TOP_K, default: DEFAULT_TOP_K },
  },
  {
    name: 'X-Experiment-Key',
    in: 'header',
    description:
      'Identifies the subject of the request, for example an applicant. ' +
      'During an experiment, the same model answers all requests with the same key. ' +
      'If absent, the request_id is used instead.',
    schema: { type: 'string' },
  },
];

function exampleRequest(model: ExampleModel): ScoreRequest {
  return {
    features: model.features ?? model.featureNames.map(() => 0),
    feature_names: model.featureNames,
    request_id: EXAMPLE_REQUEST_ID,
  };
}

export function scoringPaths({ model, scoringNeedsKey, explain = 'importance' }: OpenApiOptions): Paths {
  const request = model && exampleRequest(model);
  const response = model?.response;
  const ranked = (value: unknown) => ({ importance: { summary: 'Ranked with explain=importance', value } });
  const parameters = scoringParameters(explain);
  const common = { tags: ['scoring'], security: security({ scoring: scoringNeedsKey }), parameters };
  const problems = (codes: readonly ProblemCode[]): JsonObject =>
    refusals(scoringNeedsKey ? [...KEY_REFUSALS, ...codes] : codes);
  return {
    '/score': {
      post: {
        operationId: 'scoreRow',
        summary: 'Score one row',
        description: 'The calibrated probability of one row, with the features that contribute most.',
        ...common,
        requestBody: requestBody('ScoreRequest', request),
        responses: {
          ...answer({
            description: 'The score.',
            schema: ref('ScoreResponse'),
            ...(response && { examples: ranked(response) }),
          }),
          ...problems(SCORING_REFUSALS),
        },
      },
    },
    '/score_batch': {
      post: {
        operationId: 'scoreRows',
        summary: 'Score many rows',
        description:
          'The answers have the order of the rows. ' +
          'If a row is invalid, the problem names its index and no row is scored.',
        ...common,
        requestBody: requestBody('ScoreBatchRequest', request && [request]),
        responses: {
          ...answer({
            description: 'The scores.',
            schema: ref('ScoreBatchResponse'),
            ...(response && { examples: ranked([response]) }),
          }),
          ...problems(['BATCH_TOO_LARGE', ...SCORING_REFUSALS]),
        },
      },
    },
  };
}

/**
 * The schema of a row with what the served model adds to it: how many features there are, and their names. Booleans are
 * left to the description: generators of typed clients have no type for a number or a boolean.
 */
export function requestSchema(schema: JsonObject, model: ExampleModel | undefined): JsonObject {
  const { features, feature_names: names, ...others } = schema['properties'] as Readonly<Record<string, JsonObject>>;
  const numbers = { ...features, items: { type: ['number', 'null'], format: 'double' } };
  if (model === undefined) return { ...schema, properties: { features: numbers, feature_names: names, ...others } };
  const { featureNames } = model;
  const count = featureNames.length;
  const some = { type: 'array', minItems: 1, maxItems: count - 1 };
  return {
    ...schema,
    properties: {
      features: { ...numbers, minItems: count, maxItems: count },
      feature_names: {
        ...names,
        maxItems: count,
        // All of them once, or none.
        not: { anyOf: [...(count > 1 ? [some] : []), { not: { uniqueItems: true } }] },
        items: nameSchema(featureNames, names['items']),
      },
      ...others,
    },
  };
}

/** Generated Java does not compile with about 3,000 constants. */
const MAX_ENUM_NAMES = 1000;

/**
 * One of `names`. Generators make a constant of each, in letters of one case: where two names would be the same, or
 * there are too many, the schema leaves them to the example.
 * @param plain the schema of any name
 */
function nameSchema(names: readonly string[], plain: unknown): unknown {
  const constants = new Set(names.map((name) => name.replace(/[^\p{L}\p{N}]+/gu, '').toUpperCase()));
  const areDistinct = constants.size === names.length && names.length <= MAX_ENUM_NAMES;
  return areDistinct ? { type: 'string', enum: names } : plain;
}
