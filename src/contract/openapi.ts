/** The OpenAPI 3.1 document of the routes, made from the schemas that the validators are compiled from. */
import { ADMIN_SCHEMAS, adminPaths } from './openapi-admin.js';
import { problemAnchor, problemDetails, PROBLEMS, type ProblemCode } from './problem.js';
import { DEFAULT_TOP_K, MAX_TOP_K } from './query.js';
import {
  healthSchema,
  probeStatusSchema,
  problemSchema,
  scoreBatchRequestSchema,
  scoreBatchResponseSchema,
  scoreRequestSchema,
  scoreResponseSchema,
  topFeatureSchema,
  type Health,
  type ScoreRequest,
  type ScoreResponse,
} from './schemas.js';

type JsonObject = { readonly [key: string]: unknown };

export interface OpenApiDocument extends JsonObject {
  readonly openapi: '3.1.0';
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
}

/** A model and one real answer of it, for the examples. */
export interface ExampleModel {
  readonly modelVersion: string;
  readonly calibrationVersion: string;
  /** In the model's own order. */
  readonly featureNames: readonly string[];
  /** A row of it in the same order; zeros where absent. */
  readonly features?: readonly (number | null)[];
  /** What it answers for `features`; absent: the answer has no example. */
  readonly response?: ScoreResponse;
}

export interface OpenApiOptions {
  /** Of this server. */
  readonly version: string;
  /** The model that is served; absent: none is yet, and the requests have no example. */
  readonly model?: ExampleModel;
  /** API_KEYS is set: scoring asks for a key. */
  readonly scoringNeedsKey: boolean;
  /** METRICS_AUTH is set: so does /metrics. */
  readonly metricsNeedsKey: boolean;
  /** ADMIN_API_KEYS is set: there are admin routes. */
  readonly administered?: boolean;
}

const SCHEMAS: Readonly<Record<string, object>> = {
  ScoreRequest: scoreRequestSchema,
  ScoreBatchRequest: scoreBatchRequestSchema,
  ScoreResponse: scoreResponseSchema,
  ScoreBatchResponse: scoreBatchResponseSchema,
  TopFeature: topFeatureSchema,
  Health: healthSchema,
  ProbeStatus: probeStatusSchema,
  Problem: problemSchema,
};

const NAME_OF = new Map<unknown, string>(
  Object.entries({ ...SCHEMAS, ...ADMIN_SCHEMAS }).map(([name, schema]) => [schema, name]),
);

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

/** A copy in which every schema that has a name of its own is a reference to it. */
function withReferences(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const name = NAME_OF.get(value);
  if (name !== undefined) return ref(name);
  if (Array.isArray(value)) return value.map(withReferences);
  return partsWithReferences(value);
}

function partsWithReferences(schema: object): JsonObject {
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, withReferences(part)]));
}

const EXAMPLE_ID = 'b7c1f0a2-4d5e-4f60-8a9b-0c1d2e3f4a5b';

const ANSWER_HEADERS: Readonly<Record<number, JsonObject>> = {
  401: { 'WWW-Authenticate': { description: 'The Bearer scheme.', schema: { type: 'string' } } },
  405: { Allow: { description: 'The methods of the route.', schema: { type: 'string' } } },
  429: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } } },
  503: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } } },
};

/** Responses by status, each with one example for every problem that has it. */
function refusals(codes: readonly ProblemCode[]): JsonObject {
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const kinds = codes.filter((code) => PROBLEMS[code].status === status);
      const examples = Object.fromEntries(
        kinds.map((code) => [
          problemAnchor(code),
          { summary: PROBLEMS[code].title, value: problemDetails(code, { requestId: EXAMPLE_ID }) },
        ]),
      );
      const response = {
        description: kinds.map((code) => PROBLEMS[code].title).join('; '),
        ...(status in ANSWER_HEADERS && { headers: ANSWER_HEADERS[status] }),
        content: { 'application/problem+json': { schema: ref('Problem'), examples } },
      };
      return [String(status), response];
    }),
  );
}

function answer(description: string, mediaType: string, schema: JsonObject, example?: unknown): JsonObject {
  return { 200: { description, content: { [mediaType]: { schema, ...(example !== undefined && { example }) } } } };
}

const KEY_REFUSALS = ['UNAUTHENTICATED', 'FORBIDDEN'] as const;

const SCORING_REFUSALS = [
  ...([
    'MALFORMED_JSON',
    'INVALID_BODY',
    'INVALID_QUERY',
    'FEATURE_COUNT',
    'FEATURE_NAMES',
    'EXPLAIN_UNSUPPORTED',
  ] as const),
  ...([
    'METHOD_NOT_ALLOWED',
    'BODY_TIMEOUT',
    'BODY_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'RATE_LIMITED',
    'INTERNAL',
  ] as const),
  ...(['NOT_READY', 'OVERLOADED', 'DEADLINE_EXCEEDED', 'DRAINING'] as const),
] as const;

const SCORING_PARAMETERS = [
  {
    name: 'explain',
    in: 'query',
    description:
      'shap: rank the top features by their exact SHAP value instead of |value x importance|, and answer that value, signed, as the contribution.',
    schema: { type: 'string', enum: ['shap'] },
  },
  {
    name: 'top_k',
    in: 'query',
    description: 'How many top features to answer.',
    schema: { type: 'integer', minimum: 1, maximum: MAX_TOP_K, default: DEFAULT_TOP_K },
  },
] as const;

const EXPERIMENT_KEY = {
  name: 'X-Experiment-Key',
  in: 'header',
  description:
    'Whom the row is about, an applicant say: while an experiment runs, the same key is answered by the same model. Absent: the request_id takes its place.',
  schema: { type: 'string' },
} as const;

const security = (needsKey: boolean): readonly JsonObject[] => (needsKey ? [{ apiKey: [] }, { bearer: [] }] : []);

function body(schema: string, example: unknown): JsonObject {
  return {
    required: true,
    content: { 'application/json': { schema: ref(schema), ...(example !== undefined && { example }) } },
  };
}

function exampleRequest(model: ExampleModel): ScoreRequest {
  return {
    features: model.features ?? model.featureNames.map(() => 0),
    feature_names: model.featureNames,
    request_id: 'test-123',
  };
}

/** The document of a server as it is configured, with the served model's features as the example. */
export function openApiDocument({
  version,
  model,
  scoringNeedsKey,
  metricsNeedsKey,
  administered = false,
}: OpenApiOptions): OpenApiDocument {
  const request = model && exampleRequest(model);
  const response = model?.response;
  const scoring = (codes: readonly ProblemCode[]) => refusals(scoringNeedsKey ? [...KEY_REFUSALS, ...codes] : codes);
  const probe = { tags: ['operation'], security: [] };
  const health: Health = {
    status: 'healthy',
    model_loaded: model !== undefined,
    model_version: model?.modelVersion ?? null,
    calibration_version: model?.calibrationVersion ?? null,
    timestamp: '2026-01-15T10:00:00.000Z',
  };

  return {
    openapi: '3.1.0',
    info: {
      title: 'Lightscore',
      version,
      description: `Calibrated scores of a LightGBM model.${model ? ` It serves model ${model.modelVersion}, of ${model.featureNames.length} features.` : ''}`,
    },
    servers: [{ url: '/' }],
    tags: [{ name: 'scoring' }, { name: 'operation' }, ...(administered ? [{ name: 'administration' }] : [])],
    paths: {
      '/score': {
        post: {
          operationId: 'score',
          tags: ['scoring'],
          summary: 'Score one row',
          description: 'The calibrated probability of one row, with the features that contribute most.',
          security: security(scoringNeedsKey),
          parameters: [...SCORING_PARAMETERS, EXPERIMENT_KEY],
          requestBody: body('ScoreRequest', request),
          responses: {
            ...answer('The score.', 'application/json', ref('ScoreResponse'), response),
            ...scoring(SCORING_REFUSALS),
          },
        },
      },
      '/score_batch': {
        post: {
          operationId: 'scoreBatch',
          tags: ['scoring'],
          summary: 'Score many rows',
          description: 'Answers in the order of the rows. A bad row names its index, and then nothing is scored.',
          security: security(scoringNeedsKey),
          parameters: [...SCORING_PARAMETERS, EXPERIMENT_KEY],
          requestBody: body('ScoreBatchRequest', request && [request]),
          responses: {
            ...answer('The scores.', 'application/json', ref('ScoreBatchResponse'), response && [response]),
            ...scoring(['BATCH_TOO_LARGE', ...SCORING_REFUSALS]),
          },
        },
      },
      '/healthz': {
        get: {
          operationId: 'health',
          summary: 'Which model is served',
          ...probe,
          responses: {
            ...answer('The state of the server.', 'application/json', ref('Health'), health),
            ...refusals(['METHOD_NOT_ALLOWED']),
          },
        },
      },
      '/livez': {
        get: {
          operationId: 'live',
          summary: 'Whether the process is alive',
          ...probe,
          responses: {
            ...answer('The process is alive.', 'application/json', ref('ProbeStatus'), { status: 'alive' }),
            ...refusals(['METHOD_NOT_ALLOWED']),
          },
        },
      },
      '/readyz': {
        get: {
          operationId: 'ready',
          summary: 'Whether it takes requests',
          description: 'Not before a model is warm, and not while the server shuts down.',
          ...probe,
          responses: {
            ...answer('The server takes requests.', 'application/json', ref('ProbeStatus'), { status: 'ready' }),
            ...refusals(['METHOD_NOT_ALLOWED', 'NOT_READY', 'DRAINING']),
          },
        },
      },
      '/metrics': {
        get: {
          operationId: 'metrics',
          tags: ['operation'],
          summary: 'Prometheus metrics',
          security: security(metricsNeedsKey),
          responses: {
            ...answer('The metrics, in the text format of Prometheus.', 'text/plain', { type: 'string' }),
            ...refusals([...(metricsNeedsKey ? KEY_REFUSALS : []), 'METHOD_NOT_ALLOWED']),
          },
        },
      },
      '/openapi.json': {
        get: {
          operationId: 'openapi',
          summary: 'This document',
          ...probe,
          responses: {
            ...answer('OpenAPI 3.1.', 'application/json', { type: 'object' }),
            ...refusals(['METHOD_NOT_ALLOWED']),
          },
        },
      },
      '/docs': {
        get: {
          operationId: 'docs',
          summary: 'A page to try the routes',
          ...probe,
          responses: { ...answer('The page.', 'text/html', { type: 'string' }), ...refusals(['METHOD_NOT_ALLOWED']) },
        },
      },
      ...(administered && adminPaths({ ref, answer, refusals })),
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries({ ...SCHEMAS, ...(administered && ADMIN_SCHEMAS) }).map(([name, schema]) => [
          name,
          partsWithReferences(schema),
        ]),
      ),
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        bearer: { type: 'http', scheme: 'bearer', description: 'The same key as in X-API-Key.' },
      },
    },
  };
}
