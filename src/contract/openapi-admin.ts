/** The admin routes in the OpenAPI document, where the server has them. */
import type { ProblemCode } from './problem.js';
import { experimentRequestSchema } from './schemas.js';

type JsonObject = { readonly [key: string]: unknown };

/** How the document writes references, answers and refusals. */
export interface DocumentParts {
  readonly ref: (name: string) => JsonObject;
  readonly answer: (description: string, mediaType: string, schema: JsonObject, example?: unknown) => JsonObject;
  readonly refusals: (codes: readonly ProblemCode[]) => JsonObject;
}

const versionOrNull = (description: string) => ({ type: ['string', 'null'], description });

const changeSchema = {
  type: 'object',
  description: 'What became of a change.',
  required: ['outcome', 'version', 'detail', 'champion', 'previous', 'challenger'],
  properties: {
    outcome: {
      type: 'string',
      enum: ['loaded', 'activated', 'unchanged', 'held', 'deleted', 'started', 'ended'],
      description: 'held: the store still names what was rolled back from.',
    },
    version: { type: 'string' },
    detail: { type: 'string', description: 'The same in words.' },
    champion: versionOrNull('Answers requests.'),
    previous: versionOrNull('Where a rollback goes.'),
    challenger: versionOrNull('Of the experiment that runs.'),
  },
};

const experimentSchema = {
  type: ['object', 'null'],
  description: 'The experiment that runs.',
  required: ['champion', 'challenger', 'mode', 'share', 'started', 'started_by'],
  properties: {
    champion: versionOrNull('Answers the rest.'),
    challenger: { type: 'string' },
    mode: { type: 'string', enum: ['ab', 'shadow'] },
    share: { type: 'number', minimum: 0, maximum: 1 },
    started: { type: 'string', description: 'ISO 8601, UTC.' },
    started_by: { type: 'string', description: 'key:ID, signal:SIGHUP, poll or start.' },
  },
};

const modelsSchema = {
  type: 'object',
  description: 'What the server holds.',
  required: ['champion', 'previous', 'challenger', 'experiment', 'under_way', 'named_by_store', 'models'],
  properties: {
    champion: versionOrNull('Answers requests.'),
    previous: versionOrNull('Where a rollback goes.'),
    challenger: versionOrNull('Of the experiment that runs.'),
    experiment: { $ref: '#/components/schemas/Experiment' },
    under_way: { type: ['object', 'null'], description: 'The load that runs: what, and by whom.' },
    named_by_store: {
      type: ['object', 'null'],
      description:
        'What MODEL_VERSION, current.json or the highest version named at the last look, and whether it is held back since a rollback.',
    },
    models: {
      type: 'array',
      description: 'Every load of a version, oldest first.',
      items: {
        type: 'object',
        required: ['version', 'state', 'role', 'generation', 'files'],
        properties: {
          version: { type: 'string' },
          state: { type: 'string', enum: ['loading', 'verified', 'warm', 'active', 'draining', 'retired', 'failed'] },
          role: { type: ['string', 'null'], enum: ['champion', 'previous', 'challenger', null] },
          reason: { type: ['string', 'null'], description: 'Why it failed.' },
          generation: { type: 'integer', description: 'Counts the loads of this process.' },
          loaded_by: { type: 'string' },
          load_started: { type: 'string', description: 'ISO 8601, UTC.' },
          load_ms: { type: ['integer', 'null'], description: 'From the request until it was warm.' },
          model_version: { type: ['string', 'null'] },
          calibration_version: { type: ['string', 'null'] },
          feature_set_version: { type: ['string', 'null'] },
          features: { type: ['integer', 'null'] },
          trees: { type: ['integer', 'null'] },
          strategy: { type: ['string', 'null'] },
          memory_bytes: { type: ['integer', 'null'], description: 'Shared memory: the image and its idle lanes.' },
          signed: { type: ['boolean', 'null'], description: 'Its signature was verified.' },
          files: {
            type: 'array',
            description: 'Name, size, SHA-256, and whether metadata.json vouches for it.',
            items: { type: 'object' },
          },
          self_check_rows: {
            type: ['object', 'null'],
            description:
              'Rows on which the kernel agreed bit for bit with the plain tree walk, the trainer (self_check.json) and native LightGBM.',
          },
        },
      },
    },
  },
};

/** By name; only where there are admin routes. */
export const ADMIN_SCHEMAS: Readonly<Record<string, object>> = {
  ModelChange: changeSchema,
  Experiment: experimentSchema,
  ExperimentRequest: experimentRequestSchema,
  Models: modelsSchema,
};

const CHANGE = {
  outcome: 'activated',
  version: 'v1.1.0',
  detail: 'v1.1.0 is served',
  champion: 'v1.1.0',
  previous: 'v1.0.0',
  challenger: null,
};
const EXPERIMENT = {
  champion: 'v1.0.0',
  challenger: 'v1.1.0',
  mode: 'ab',
  share: 0.1,
  started: '2026-01-15T10:00:00.000Z',
  started_by: 'key:ops',
};

const COMMON = ['UNAUTHENTICATED', 'FORBIDDEN', 'METHOD_NOT_ALLOWED', 'RATE_LIMITED', 'INTERNAL'] as const;
const LOADING = [
  'VERSION_NOT_FOUND',
  'LOAD_IN_PROGRESS',
  'MODEL_CONFLICT',
  'MODEL_REFUSED',
  'STORE_UNREACHABLE',
] as const;

export function adminPaths({
  ref,
  answer,
  refusals,
}: DocumentParts): Readonly<Record<string, Readonly<Record<string, JsonObject>>>> {
  const security = [{ apiKey: [] }, { bearer: [] }];
  const operation = (
    operationId: string,
    summary: string,
    description: string,
    codes: readonly ProblemCode[],
    answered: JsonObject,
    rest: JsonObject = {},
  ): JsonObject => ({
    operationId,
    tags: ['administration'],
    summary,
    description,
    security,
    ...rest,
    responses: { ...answered, ...refusals([...codes, ...COMMON]) },
  });
  const changed = answer(
    'The change was made, or nothing had to change.',
    'application/json',
    ref('ModelChange'),
    CHANGE,
  );
  const version = {
    name: 'version',
    in: 'path',
    required: true,
    description: "The version's folder in the store.",
    schema: { type: 'string' },
  };
  const allowFeatureChange = {
    name: 'allow_feature_change',
    in: 'query',
    description: '1: also where the version needs features that requests do not carry now.',
    schema: { type: 'string', enum: ['0', '1'] },
  };
  const body = {
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: ref('ExperimentRequest'),
          example: { version: 'v1.1.0', mode: 'ab', share: 0.1 },
        },
      },
    },
  };
  const shown = answer(
    'The experiment.',
    'application/json',
    { type: 'object', required: ['experiment'], properties: { experiment: ref('Experiment') } },
    { experiment: EXPERIMENT },
  );
  const held = answer('The versions.', 'application/json', ref('Models'), {
    champion: 'v1.0.0',
    previous: null,
    challenger: null,
    experiment: null,
    under_way: null,
    named_by_store: null,
    models: [],
  });
  return {
    '/admin/models': {
      get: operation(
        'models',
        'What the server holds',
        'Every version with its state, role, checksums and memory.',
        [],
        held,
      ),
    },
    '/admin/models/{version}': {
      delete: operation(
        'deleteModel',
        'Free a version',
        'Only where it serves nobody.',
        ['VERSION_NOT_FOUND', 'LOAD_IN_PROGRESS', 'MODEL_CONFLICT', 'DRAINING'],
        changed,
        { parameters: [version] },
      ),
    },
    '/admin/models/{version}/load': {
      post: operation(
        'loadModel',
        'Load a version',
        'Fetches, verifies and warms it, and leaves it ready. Answers when that is done.',
        [...LOADING, 'DRAINING'],
        changed,
        { parameters: [version] },
      ),
    },
    '/admin/models/{version}/activate': {
      post: operation(
        'activateModel',
        'Serve a version',
        'At once where it is warm, else after loading it.',
        ['INVALID_QUERY', ...LOADING, 'DRAINING'],
        changed,
        { parameters: [version, allowFeatureChange] },
      ),
    },
    '/admin/reload': {
      post: operation(
        'reload',
        'Serve what is named now',
        'What MODEL_VERSION, current.json or the highest version names; the same as SIGHUP.',
        [...LOADING, 'DRAINING'],
        changed,
      ),
    },
    '/admin/rollback': {
      post: operation(
        'rollback',
        'Serve the version before',
        'At once. What the store names is ignored until it changes.',
        ['MODEL_CONFLICT', 'DRAINING'],
        changed,
      ),
    },
    '/admin/experiment': {
      get: operation('experiment', 'The experiment that runs', 'null where none does.', [], shown),
      put: operation(
        'startExperiment',
        'Start or change an experiment',
        'Requests are drawn by their X-Experiment-Key, else by their request_id: the same key goes the same way.',
        ['MALFORMED_JSON', 'INVALID_BODY', 'BODY_TIMEOUT', 'BODY_TOO_LARGE', ...LOADING, 'DRAINING'],
        changed,
        body,
      ),
      delete: operation(
        'abortExperiment',
        'End the experiment',
        'The champion answers everything again.',
        ['MODEL_CONFLICT', 'DRAINING'],
        changed,
      ),
    },
    '/admin/experiment/promote': {
      post: operation(
        'promote',
        'Promote the challenger',
        'It becomes the champion, and the experiment ends.',
        ['MODEL_CONFLICT', 'DRAINING'],
        changed,
      ),
    },
  };
}
