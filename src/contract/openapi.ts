/** The OpenAPI 3.1 document of the routes, built from the same schemas as the validators. */
import { ADMIN_SCHEMAS, adminPaths } from './openapi-admin.js';
import {
  type JsonObject,
  type Paths,
  SECURITY_SCHEMES,
  answer,
  ref,
  refusals,
  requestBody,
  security,
} from './openapi-parts.js';
import type { ProblemCode } from './problem.js';
import { DEFAULT_TOP_K, EXPLANATIONS, type Explanation, MAX_TOP_K } from './query.js';
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

export interface OpenApiDocument extends JsonObject {
  readonly openapi: '3.1.0';
  readonly paths: Paths;
}

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

/** Copies a value; in the copy, references replace the schemas that have a name. */
function withReferences(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const name = NAME_OF.get(value);
  if (name !== undefined) return ref(name);
  if (Array.isArray(value)) return value.map(withReferences);
  return partsWithReferences(value);
}

function partsWithReferences(schema: object): JsonObject {
  const copy = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, withReferences(part)]));
  const format = formatOf(schema);
  return format === undefined ? copy : { ...copy, format };
}

/**
 * The format of a schema of numbers. Without one, generators choose `float` for some languages, whose clients would
 * send other numbers than they were given.
 */
function formatOf(schema: object): string | undefined {
  const { type, format } = schema as { readonly type?: string | readonly string[]; readonly format?: string };
  const types = typeof type === 'string' ? [type] : (type ?? []);
  if (format !== undefined || !Array.isArray(types)) return format;
  if (types.includes('number')) return 'double';
  return types.includes('integer') ? 'int64' : undefined;
}

const KEY_REFUSALS = ['UNAUTHENTICATED', 'FORBIDDEN'] as const;

const SCORING_REFUSALS = [
  'MALFORMED_JSON',
  'INVALID_BODY',
  'INVALID_QUERY',
  'FEATURE_COUNT',
  'FEATURE_NAMES',
  'EXPLAIN_UNSUPPORTED',
  'METHOD_NOT_ALLOWED',
  'BODY_TIMEOUT',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
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
    request_id: 'test-123',
  };
}

function scoringPaths({ model, scoringNeedsKey, explain = 'importance' }: OpenApiOptions): Paths {
  const request = model && exampleRequest(model);
  const response = model?.response;
  const parameters = scoringParameters(explain);
  const common = { tags: ['scoring'], security: security(scoringNeedsKey ? 'scoring' : undefined), parameters };
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
          ...answer({ description: 'The score.', schema: ref('ScoreResponse'), example: response }),
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
            example: response && [response],
          }),
          ...problems(['BATCH_TOO_LARGE', ...SCORING_REFUSALS]),
        },
      },
    },
  };
}

/** An operation without a key and without parameters. */
function openOperation(
  operationId: string,
  text: { readonly summary: string; readonly description?: string },
  responses: JsonObject,
): JsonObject {
  return { operationId, ...text, tags: ['operation'], security: [], responses };
}

function probePaths({ model }: OpenApiOptions): Paths {
  const health: Health = {
    status: 'healthy',
    model_loaded: model !== undefined,
    model_version: model?.modelVersion ?? null,
    calibration_version: model?.calibrationVersion ?? null,
    timestamp: '2026-01-15T10:00:00.000Z',
  };
  const ready = {
    summary: 'Whether the server accepts requests',
    description: 'The server is not ready before a model is loaded and while it shuts down.',
  };
  return {
    '/healthz': {
      get: openOperation(
        'health',
        { summary: 'Which model is served' },
        {
          ...answer({ description: 'The state of the server.', schema: ref('Health'), example: health }),
          ...refusals(['INVALID_QUERY', 'METHOD_NOT_ALLOWED']),
        },
      ),
    },
    '/livez': {
      get: openOperation(
        'live',
        { summary: 'Whether the process is alive' },
        {
          ...answer({
            description: 'The process is alive.',
            schema: ref('ProbeStatus'),
            example: { status: 'alive' },
          }),
          ...refusals(['INVALID_QUERY', 'METHOD_NOT_ALLOWED']),
        },
      ),
    },
    '/readyz': {
      get: openOperation('ready', ready, {
        ...answer({
          description: 'The server accepts requests.',
          schema: ref('ProbeStatus'),
          example: { status: 'ready' },
        }),
        ...refusals(['INVALID_QUERY', 'METHOD_NOT_ALLOWED', 'NOT_READY', 'DRAINING']),
      }),
    },
  };
}

function metricsPaths({ metricsNeedsKey }: OpenApiOptions): Paths {
  return {
    '/metrics': {
      get: {
        operationId: 'metrics',
        tags: ['operation'],
        summary: 'Prometheus metrics',
        security: security(metricsNeedsKey ? 'any' : undefined),
        responses: {
          ...answer({
            description: 'The metrics, in the text format of Prometheus.',
            mediaType: 'text/plain',
            schema: { type: 'string' },
          }),
          ...refusals([
            'INVALID_QUERY',
            ...(metricsNeedsKey ? ([...KEY_REFUSALS, 'RATE_LIMITED'] as const) : []),
            'METHOD_NOT_ALLOWED',
          ]),
        },
      },
    },
  };
}

function documentPaths(): Paths {
  return {
    '/openapi.json': {
      get: openOperation(
        'openapi',
        { summary: 'This document' },
        {
          ...answer({ description: 'OpenAPI 3.1.', schema: { type: 'object' } }),
          ...refusals(['INVALID_QUERY', 'METHOD_NOT_ALLOWED']),
        },
      ),
    },
    '/docs': {
      get: openOperation(
        'docs',
        { summary: 'A page to try the routes' },
        {
          ...answer({ description: 'The page.', mediaType: 'text/html', schema: { type: 'string' } }),
          ...refusals(['INVALID_QUERY', 'METHOD_NOT_ALLOWED']),
        },
      ),
    },
  };
}

function describeServer(model: ExampleModel | undefined): string {
  const purpose = 'Calibrated scores of a LightGBM model.';
  if (model === undefined) return purpose;
  return `${purpose} It serves model ${model.modelVersion} with ${model.featureNames.length} features.`;
}

/** Builds the document of a server with this configuration; the examples have the features of the served model. */
export function openApiDocument(options: OpenApiOptions): OpenApiDocument {
  const { version, model, administered = false, publicUrl } = options;
  const schemas = Object.entries({ ...SCHEMAS, ...(administered && ADMIN_SCHEMAS) });
  const paths: Paths = {
    ...scoringPaths(options),
    ...probePaths(options),
    ...metricsPaths(options),
    ...documentPaths(),
    ...(administered && adminPaths()),
  };
  const copies = Object.fromEntries(schemas.map(([name, schema]) => [name, partsWithReferences(schema)]));
  return {
    openapi: '3.1.0',
    info: { title: 'Lightscore', version, description: describeServer(model) },
    servers: [{ url: publicUrl ?? './' }],
    tags: [{ name: 'scoring' }, { name: 'operation' }, ...(administered ? [{ name: 'administration' }] : [])],
    paths,
    components: {
      schemas: { ...copies, ScoreRequest: requestSchema(copies['ScoreRequest'], model) },
      ...(usesKeys(options) && { securitySchemes: schemesOf(paths) }),
    },
  };
}

const usesKeys = ({ scoringNeedsKey, metricsNeedsKey, administered = false }: OpenApiOptions): boolean =>
  scoringNeedsKey || metricsNeedsKey || administered;

/** The security schemes that an operation asks for. */
function schemesOf(paths: Paths): JsonObject {
  const used = new Set(
    Object.values(paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ security: alternatives }) => (alternatives as readonly JsonObject[]).flatMap(Object.keys)),
  );
  return Object.fromEntries(Object.entries(SECURITY_SCHEMES).filter(([name]) => used.has(name)));
}

/**
 * The schema of a row with what the served model adds to it: how many features there are, and their names. Booleans are
 * left to the description: generators of typed clients have no type for a number or a boolean.
 */
function requestSchema(schema: JsonObject, model: ExampleModel | undefined): JsonObject {
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
        items: { type: 'string', enum: featureNames },
      },
      ...others,
    },
  };
}
