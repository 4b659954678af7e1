/** The routes for platforms, monitoring and tools in the OpenAPI document: probes, metrics, and the document itself. */
import type { OpenApiOptions } from './openapi-options.js';
import { type JsonObject, KEY_REFUSALS, type Paths, answer, ref, refusals, security } from './openapi-parts.js';
import type { Health } from './schemas.js';

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

function metricsPaths({ metricsNeedsKey, scoringNeedsKey, administered = false }: OpenApiOptions): Paths {
  return {
    '/metrics': {
      get: {
        operationId: 'metrics',
        tags: ['operation'],
        summary: 'Prometheus metrics',
        security: metricsNeedsKey ? security({ scoring: scoringNeedsKey, admin: administered }) : [],
        responses: {
          ...answer({
            description: 'The metrics, in the text format of Prometheus.',
            mediaType: 'text/plain',
            schema: { type: 'string' },
            example: '# TYPE lightscore_queue_rows gauge\nlightscore_queue_rows 0\n',
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
  };
}

/** HEAD of a route: the same headers as of its GET, and no body. */
function headOf({ operationId, summary, responses, ...get }: JsonObject): JsonObject {
  const withoutBodies = Object.entries(responses as Readonly<Record<string, JsonObject>>).map(
    ([status, { description, headers }]) => [status, { description, ...(headers !== undefined && { headers }) }],
  );
  return {
    ...get,
    operationId: `${String(operationId)}Head`,
    summary: `${String(summary)}: headers only`,
    responses: Object.fromEntries(withoutBodies),
  };
}

/** Routes that GET and HEAD read. */
export function operationPaths(options: OpenApiOptions): Paths {
  const paths: Paths = { ...probePaths(options), ...metricsPaths(options), ...documentPaths() };
  return Object.fromEntries(Object.entries(paths).map(([path, { get }]) => [path, { get, head: headOf(get) }]));
}
