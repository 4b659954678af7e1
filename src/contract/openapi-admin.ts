/** The admin routes in the OpenAPI document, and the schemas that only they use. */
import {
  FRAMING,
  type JsonObject,
  type Paths,
  answer,
  orNull,
  ref,
  refusals,
  requestBody,
  security,
} from './openapi-parts.js';
import type { ProblemCode } from './problem.js';
import { VERSION_NAME_PATTERN, experimentRequestSchema } from './schemas.js';

const versionOrNull = (description: string) => ({ type: ['string', 'null'], description });

/** The versions that have a role, in the answers of several routes. */
const ROLES = {
  champion: versionOrNull('The version that answers requests.'),
  previous: versionOrNull('The version that a rollback activates.'),
  challenger: versionOrNull('The challenger of the current experiment.'),
};

const changeSchema = {
  type: 'object',
  description: 'The outcome of a change.',
  required: ['outcome', 'version', 'detail', 'champion', 'previous', 'challenger'],
  properties: {
    outcome: {
      type: 'string',
      enum: ['loaded', 'activated', 'unchanged', 'held', 'deleted', 'started', 'ended', 'cancelled'],
      description: 'held: nothing changed, because the store still names the same version as at the last rollback.',
    },
    version: { type: 'string' },
    detail: { type: 'string', description: 'The outcome in words.' },
    ...ROLES,
  },
};

const experimentSchema = {
  type: 'object',
  description: 'A running experiment.',
  required: ['champion', 'challenger', 'mode', 'share', 'started', 'started_by'],
  properties: {
    champion: versionOrNull('The version that answers the other requests.'),
    challenger: { type: 'string' },
    mode: { type: 'string', enum: ['ab', 'shadow'] },
    share: { type: 'number', minimum: 0, maximum: 1 },
    started: { type: 'string', description: 'ISO 8601, UTC.' },
    started_by: { type: 'string', description: 'key:ID, signal:SIGHUP, poll or start.' },
  },
};

const currentExperimentSchema = {
  type: 'object',
  required: ['experiment'],
  properties: { experiment: orNull(ref('Experiment'), 'null: none is running.') },
};

const modelFileSchema = {
  type: 'object',
  required: ['name', 'size', 'sha256', 'verified'],
  properties: {
    name: { type: 'string' },
    size: { type: 'integer', minimum: 0, description: 'Bytes.' },
    sha256: { type: 'string' },
    verified: { type: 'boolean', description: 'Whether metadata.json has its checksum.' },
  },
};

const selfCheckSchema = {
  type: 'object',
  description: 'Number of rows on which the kernel agreed bit for bit with each of these.',
  required: ['tree_walk', 'trainer', 'native'],
  properties: {
    tree_walk: { type: 'integer', description: 'With the plain tree walk.' },
    trainer: { type: 'integer', description: 'With the trainer (self_check.json); 0 without that file.' },
    native: { type: 'integer', description: 'With native LightGBM; 0 where that is not asked for.' },
  },
};

const underWaySchema = {
  type: 'object',
  required: ['what', 'by'],
  properties: {
    what: { type: 'string', description: 'The load that is running.' },
    by: { type: 'string', description: 'Who asked for it: key:ID, signal:SIGHUP, poll or start.' },
  },
};

const namedSchema = {
  type: 'object',
  description: 'The version that was named at the last check of the store.',
  required: ['version', 'by', 'held_back'],
  properties: {
    version: { type: 'string' },
    by: {
      type: 'string',
      enum: ['setting', 'pointer', 'highest'],
      description: 'What names it: MODEL_VERSION, current.json, or that it is the highest complete version.',
    },
    held_back: { type: 'boolean', description: 'Not followed since a rollback, until another one is named.' },
  },
};

const modelSchema = {
  type: 'object',
  required: ['version', 'state', 'role', 'generation', 'files'],
  properties: {
    version: { type: 'string' },
    state: { type: 'string', enum: ['loading', 'verified', 'warm', 'active', 'draining', 'retired', 'failed'] },
    role: orNull({ type: 'string', enum: ['champion', 'previous', 'challenger'] }, 'null: it has none.'),
    reason: { type: ['string', 'null'], description: 'Why the load failed.' },
    generation: { type: 'integer', description: 'Number of the load, counted from the start of the process.' },
    loaded_by: { type: 'string' },
    load_started: { type: 'string', description: 'ISO 8601, UTC.' },
    load_ms: { type: ['integer', 'null'], description: 'Milliseconds from the request until it was warm.' },
    model_version: { type: ['string', 'null'] },
    calibration_version: { type: ['string', 'null'] },
    feature_set_version: { type: ['string', 'null'] },
    features: { type: ['integer', 'null'] },
    trees: { type: ['integer', 'null'] },
    strategy: { type: ['string', 'null'] },
    memory_bytes: {
      type: ['integer', 'null'],
      description: 'Bytes of shared memory: the image, the text of its answers and its idle lanes.',
    },
    signed: { type: ['boolean', 'null'], description: 'Whether its signature was verified.' },
    files: { type: 'array', items: modelFileSchema },
    self_check_rows: orNull(ref('SelfCheckRows')),
  },
};

const modelsSchema = {
  type: 'object',
  description: 'The versions that the server has loaded.',
  required: ['champion', 'previous', 'challenger', 'experiment', 'under_way', 'named_by_store', 'models'],
  properties: {
    ...ROLES,
    experiment: orNull(ref('Experiment')),
    under_way: orNull(ref('UnderWay')),
    named_by_store: orNull(ref('NamedVersion')),
    models: { type: 'array', description: 'All loads of versions, oldest first.', items: modelSchema },
  },
};

/** The schemas by name. The document has them only if the admin routes exist. */
export const ADMIN_SCHEMAS: Readonly<Record<string, object>> = {
  ModelChange: changeSchema,
  Experiment: experimentSchema,
  CurrentExperiment: currentExperimentSchema,
  ExperimentRequest: experimentRequestSchema,
  Models: modelsSchema,
  Model: modelSchema,
  ModelFile: modelFileSchema,
  SelfCheckRows: selfCheckSchema,
  UnderWay: underWaySchema,
  NamedVersion: namedSchema,
};

const EXPERIMENT_EXAMPLE = {
  champion: 'v1.0.0',
  challenger: 'v1.1.0',
  mode: 'ab',
  share: 0.1,
  started: '2026-01-15T10:00:00.000Z',
  started_by: 'key:ops',
};

const MODEL_EXAMPLE = {
  version: 'v1.0.0',
  state: 'active',
  role: 'champion',
  reason: null,
  generation: 1,
  loaded_by: 'start',
  load_started: '2026-01-15T09:00:00.000Z',
  load_ms: 240,
  model_version: 'v1.0.0',
  calibration_version: 'v1.0.0',
  feature_set_version: 'v1.0.0',
  features: 15,
  trees: 71,
  strategy: 'mask32',
  memory_bytes: 1_234_944,
  signed: false,
  files: [{ name: 'lightgbm_model.txt', size: 98_304, sha256: '0'.repeat(64), verified: true }],
  self_check_rows: { tree_walk: 1024, trainer: 200, native: 0 },
};

/** The answer of every route that changes something. */
const CHANGED = answer({
  description: 'The change was made, or nothing had to change.',
  schema: ref('ModelChange'),
  example: {
    outcome: 'activated',
    version: 'v1.1.0',
    detail: 'v1.1.0 is served',
    champion: 'v1.1.0',
    previous: 'v1.0.0',
    challenger: null,
  },
});

const VERSION = {
  name: 'version',
  in: 'path',
  required: true,
  description: 'The name of the version: its folder in the store.',
  schema: { type: 'string', pattern: VERSION_NAME_PATTERN },
};

const COMMON = [
  'INVALID_QUERY',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'METHOD_NOT_ALLOWED',
  'RATE_LIMITED',
  'AUDIT_UNAVAILABLE',
  'INTERNAL',
] as const;
const LOADING = [
  'VERSION_NOT_FOUND',
  'LOAD_IN_PROGRESS',
  'MODEL_CONFLICT',
  'MODEL_REFUSED',
  'STORE_UNREACHABLE',
] as const;

interface OperationOptions {
  readonly summary: string;
  readonly description: string;
  /** Problems besides those of every admin route. */
  readonly codes: readonly ProblemCode[];
  /** CHANGED if absent. */
  readonly answered?: JsonObject;
  readonly parameters?: readonly JsonObject[];
  readonly requestBody?: JsonObject;
}

function operation(operationId: string, options: OperationOptions): JsonObject {
  const { summary, description, codes, answered = CHANGED, ...rest } = options;
  return {
    operationId,
    tags: ['administration'],
    summary,
    description,
    security: security({ admin: true }),
    ...rest,
    responses: { ...answered, ...refusals([...codes, ...COMMON]) },
  };
}

function modelPaths(): Paths {
  const models = answer({
    description: 'The versions.',
    schema: ref('Models'),
    example: {
      champion: 'v1.0.0',
      previous: null,
      challenger: 'v1.1.0',
      experiment: EXPERIMENT_EXAMPLE,
      under_way: null,
      named_by_store: { version: 'v1.0.0', by: 'pointer', held_back: false },
      models: [MODEL_EXAMPLE],
    },
  });
  const allowFeatureChange = {
    name: 'allow_feature_change',
    in: 'query',
    description: '1: activate the version even if it needs features that requests do not carry now.',
    schema: { type: 'string', enum: ['0', '1'] },
  };
  return {
    '/admin/models': {
      get: operation('listModels', {
        summary: 'List the loaded versions',
        description: 'Every version with its state, role, checksums and memory.',
        codes: [],
        answered: models,
      }),
    },
    '/admin/models/{version}': {
      delete: operation('deleteModel', {
        summary: 'Unload a version',
        description: 'Frees the memory of a version that is not serving.',
        codes: ['VERSION_NOT_FOUND', 'LOAD_IN_PROGRESS', 'MODEL_CONFLICT', 'DRAINING'],
        parameters: [VERSION],
      }),
    },
    '/admin/models/{version}/load': {
      post: operation('loadModel', {
        summary: 'Load a version',
        description: 'Fetches, verifies and warms up a version without serving it. Answers when that is done.',
        codes: [...LOADING, 'DRAINING'],
        parameters: [VERSION],
      }),
    },
    '/admin/models/{version}/activate': {
      post: operation('activateModel', {
        summary: 'Serve a version',
        description: 'Takes effect at once if the version is warm; otherwise it is loaded first.',
        codes: [...LOADING, 'DRAINING'],
        parameters: [VERSION, allowFeatureChange],
      }),
    },
  };
}

function changePaths(): Paths {
  return {
    '/admin/reload': {
      post: operation('reload', {
        summary: 'Serve the version that settings and store name',
        description: 'That is MODEL_VERSION, current.json or the highest version. SIGHUP does the same.',
        codes: [...LOADING, 'DRAINING'],
      }),
    },
    '/admin/load': {
      delete: operation('cancelLoad', {
        summary: 'Cancel the load that is under way',
        description:
          'Ends a load or reload, whoever asked for it, wherever it is: one that waits for a slow store, or a model ' +
          'that takes too long. Its own call is answered with 409. What serves goes on serving.',
        codes: ['MODEL_CONFLICT', 'DRAINING'],
      }),
    },
    '/admin/rollback': {
      post: operation('rollback', {
        summary: 'Serve the previous version',
        description: 'Takes effect at once. The version that the store names is ignored until the store names another.',
        codes: ['MODEL_CONFLICT', 'DRAINING'],
      }),
    },
  };
}

function experimentPaths(): Paths {
  const experiment = answer({
    description: 'The experiment.',
    schema: ref('CurrentExperiment'),
    example: { experiment: EXPERIMENT_EXAMPLE },
  });
  const expected = {
    name: 'version',
    in: 'query',
    description: 'The challenger that is meant: if another one is running, the answer is a 409. If absent, any is.',
    schema: { type: 'string', pattern: VERSION_NAME_PATTERN },
  };
  return {
    '/admin/experiment': {
      get: operation('getExperiment', {
        summary: 'The current experiment',
        description: 'null if none is running.',
        codes: [],
        answered: experiment,
      }),
      put: operation('startExperiment', {
        summary: 'Start or change an experiment',
        description:
          'Requests are assigned by their X-Experiment-Key, or else by their request_id: ' +
          'the same key is always assigned to the same model.',
        codes: [
          'MALFORMED_JSON',
          'INVALID_BODY',
          'BODY_TIMEOUT',
          'BODY_TOO_LARGE',
          'UNSUPPORTED_MEDIA_TYPE',
          'UNSUPPORTED_ENCODING',
          ...FRAMING,
          ...LOADING,
          'DRAINING',
        ],
        requestBody: requestBody('ExperimentRequest', { version: 'v1.1.0', mode: 'ab', share: 0.1 }),
      }),
      delete: operation('abortExperiment', {
        summary: 'End the experiment',
        description: 'The champion answers all requests again.',
        codes: ['MODEL_CONFLICT', 'DRAINING'],
      }),
    },
    '/admin/experiment/promote': {
      post: operation('promote', {
        summary: 'Promote the challenger',
        description: 'The challenger becomes the champion, and the experiment ends.',
        codes: ['MODEL_CONFLICT', 'DRAINING'],
        parameters: [expected],
      }),
    },
  };
}

export function adminPaths(): Paths {
  return { ...modelPaths(), ...changePaths(), ...experimentPaths() };
}
