/** The OpenAPI 3.1 document of the routes, built from the same schemas as the validators. */
import { ADMIN_SCHEMAS, adminPaths } from './openapi-admin.js';
import { operationPaths } from './openapi-operation.js';
import type { ExampleModel, OpenApiOptions } from './openapi-options.js';
import { type JsonObject, type Paths, SECURITY_SCHEMES, ref } from './openapi-parts.js';
import { requestSchema, scoringPaths } from './openapi-scoring.js';
import {
  bodyErrorSchema,
  healthSchema,
  probeStatusSchema,
  problemSchema,
  scoreBatchRequestSchema,
  scoreBatchResponseSchema,
  scoreRequestSchema,
  scoreResponseSchema,
  topFeatureSchema,
} from './schemas.js';

export interface OpenApiDocument extends JsonObject {
  readonly openapi: '3.1.0';
  readonly paths: Paths;
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
  BodyError: bodyErrorSchema,
};

const NAME_OF = new Map<unknown, string>(
  Object.entries({ ...SCHEMAS, ...ADMIN_SCHEMAS }).map(([name, schema]) => [schema, name]),
);

const LICENSE = { name: 'MIT', identifier: 'MIT' };

const TAGS = [
  { name: 'scoring', description: 'Scores of rows.' },
  { name: 'operation', description: 'For platforms, monitoring and tools.' },
  { name: 'administration', description: 'Which versions are loaded, and which one answers.' },
];

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
    ...operationPaths(options),
    ...(administered && adminPaths()),
  };
  const copies = Object.fromEntries(schemas.map(([name, schema]) => [name, partsWithReferences(schema)]));
  return {
    openapi: '3.1.0',
    info: { title: 'Lightscore', version, description: describeServer(model), license: LICENSE },
    // A page is no operation: generated clients would take its HTML for JSON.
    externalDocs: { description: 'A page to try the routes', url: `${publicUrl ?? '.'}/docs` },
    // Clients that join it with a path resolve `./score`, whether they know relative addresses or not.
    servers: [{ url: publicUrl ?? '.' }],
    tags: TAGS.filter(({ name }) => administered || name !== 'administration'),
    paths,
    components: {
      schemas: { ...copies, ScoreRequest: requestSchema(copies['ScoreRequest'], model) },
      ...schemesOf(paths),
    },
  };
}

/** The security schemes that an operation asks for; nothing where none does. */
function schemesOf(paths: Paths): JsonObject {
  const used = new Set(
    Object.values(paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ security: alternatives }) => (alternatives as readonly JsonObject[]).flatMap(Object.keys)),
  );
  const schemes = Object.entries(SECURITY_SCHEMES).filter(([name]) => used.has(name));
  return schemes.length === 0 ? {} : { securitySchemes: Object.fromEntries(schemes) };
}
