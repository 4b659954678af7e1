/**
 * The table of all problems that the server answers with, and their form as RFC 9457 problem details.
 *
 * A problem's `type` refers to its entry in the `/docs` page, below PUBLIC_URL; the page and the OpenAPI document list
 * the rows of this table. A `detail` never contains internals such as paths, stacks or versions of libraries.
 */
import type { ProblemDetails, BodyError } from './schemas.js';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** The default `detail`, and the explanation in the documentation. */
  readonly detail: string;
  /** Default of the `Retry-After` header, in seconds; absent if a retry does not help. */
  readonly retryAfterSeconds?: number;
  /** The rest of the request will not be read, so the connection must be closed after the answer. */
  readonly closesConnection?: true;
}

export const PROBLEMS = {
  MALFORMED_JSON: { status: 400, title: 'Malformed JSON', detail: 'The body is not valid JSON.' },
  BAD_FRAMING: {
    status: 400,
    title: 'Ambiguous framing',
    detail:
      'The only transfer coding this server takes is chunked, alone: where another ends, nobody else might agree.',
    closesConnection: true,
  },
  INVALID_BODY: { status: 400, title: 'Invalid body', detail: 'The body does not match the schema of this route.' },
  INVALID_QUERY: {
    status: 400,
    title: 'Invalid query parameter',
    detail: 'A query parameter is unknown or has a value out of range.',
  },
  FEATURE_COUNT: {
    status: 400,
    title: 'Wrong number of features',
    detail: 'The request has a different number of features than the model expects.',
  },
  FEATURE_NAMES: {
    status: 400,
    title: 'Wrong feature names',
    detail: "A feature name is unknown, missing or repeated. Send each of the model's names exactly once.",
  },
  EXPLAIN_UNSUPPORTED: {
    status: 400,
    title: 'Explanation not available',
    detail:
      'SHAP values are not available for the served model, for the reason that the detail names. ' +
      'Ask with explain=importance.',
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'API key required',
    detail: 'Send a valid API key as X-API-Key, or as Authorization: Bearer.',
  },
  FORBIDDEN: {
    status: 403,
    title: 'API key not allowed here',
    detail: 'This API key is valid, but not for this route.',
  },
  NOT_FOUND: {
    status: 404,
    title: 'No such route',
    detail: 'There is no route at this path; /openapi.json lists the routes.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Method not allowed',
    detail: 'This route does not support the method; the Allow header lists those that it supports.',
  },
  VERSION_NOT_FOUND: {
    status: 404,
    title: 'No such version',
    detail: 'Neither the server nor the store has this version.',
  },
  LOAD_IN_PROGRESS: {
    status: 409,
    title: 'Load in progress',
    detail: 'Another version is being loaded, and only one load can run at a time. Try again when it is done.',
  },
  MODEL_CONFLICT: {
    status: 409,
    title: 'Change not possible now',
    detail: 'This change is not possible with the versions that are loaded now.',
  },
  BODY_TIMEOUT: {
    status: 408,
    title: 'Body too slow',
    detail: 'The body did not arrive in time.',
    closesConnection: true,
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'Body too large',
    detail: 'The body is larger than this server accepts.',
    closesConnection: true,
  },
  BATCH_TOO_LARGE: {
    status: 413,
    title: 'Batch too large',
    detail: 'The batch has more rows than this server accepts.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Not JSON',
    detail: 'Send the body with Content-Type: application/json.',
  },
  EXPECTATION_FAILED: {
    status: 417,
    title: 'Expectation failed',
    detail: 'The only expectation this server knows is 100-continue.',
    closesConnection: true,
  },
  UNSUPPORTED_ENCODING: {
    status: 415,
    title: 'Unsupported content coding',
    detail: 'Send the body as it is, or with Content-Encoding: gzip, deflate or br.',
  },
  MODEL_REFUSED: {
    status: 422,
    title: 'Version refused',
    detail: 'The version cannot be served; the current model keeps serving.',
  },
  SCORE_NOT_FINITE: {
    status: 422,
    title: 'Score not finite',
    detail:
      'The score of a row, or a contribution to it, is not a finite number, which JSON cannot hold: a linear tree ' +
      'overflows, or a leaf is infinite or NaN. The other rows of a batch can be sent without it.',
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    detail: 'The rate limit is exceeded. Wait for the number of seconds in Retry-After.',
    retryAfterSeconds: 1,
  },
  INTERNAL: {
    status: 500,
    title: 'Internal error',
    detail: "The request failed because of an internal error. The server's log has the cause under this request_id.",
  },
  AUDIT_UNAVAILABLE: {
    status: 503,
    title: 'Audit trail not writable',
    detail: 'Every admin call must be recorded (AUDIT_REQUIRED), and the audit trail cannot be written now.',
    retryAfterSeconds: 5,
  },
  STORE_UNREACHABLE: {
    status: 502,
    title: 'Artifact store unreachable',
    detail: 'The artifact store did not answer; the current model keeps serving.',
  },
  NOT_READY: { status: 503, title: 'Not ready', detail: 'No model is loaded yet.', retryAfterSeconds: 1 },
  OVERLOADED: {
    status: 503,
    title: 'Overloaded',
    detail: 'The queue of rows that wait to be scored is full.',
    retryAfterSeconds: 1,
  },
  DEADLINE_EXCEEDED: {
    status: 503,
    title: 'Deadline exceeded',
    detail: 'The request waited too long for a free worker and was not scored.',
    retryAfterSeconds: 1,
  },
  DRAINING: {
    status: 503,
    title: 'Shutting down',
    detail: 'This server is shutting down and accepts no new requests.',
    retryAfterSeconds: 1,
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

export interface ProblemOptions {
  /** What is wrong with this request; the problem's default if absent. */
  readonly detail?: string;
  readonly requestId?: string;
  /** The trace id of the request's `traceparent`. */
  readonly traceId?: string;
  readonly errors?: readonly BodyError[];
  /** `Retry-After`, in whole seconds; the problem's default if absent. */
  readonly retryAfterSeconds?: number;
  /** The methods of the route, for the `Allow` header of METHOD_NOT_ALLOWED. */
  readonly allow?: readonly string[];
  /** UNAUTHENTICATED: the request has a key, but an unknown one. */
  readonly keyRejected?: boolean;
  /** The connection stays open, although problems of this kind usually close it. */
  readonly keepsConnection?: boolean;
}

/** A problem as an HTTP response. */
export interface Problem {
  readonly code: ProblemCode;
  readonly status: number;
  /** Status code and reason phrase of the HTTP/1.1 status line. */
  readonly statusLine: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** The connection must be closed after the answer. */
  readonly closesConnection: boolean;
}

/** The last part of a problem's `type`, and its anchor in the `/docs` page: `feature-count`. */
export function problemAnchor(code: ProblemCode): string {
  return code.toLowerCase().replaceAll('_', '-');
}

/** PUBLIC_URL of this process. */
let publicUrl = '';

/** Where `/docs` is for clients, in the `type` of every later problem: PUBLIC_URL, without a slash at its end. */
export function publishProblemsAt(url: string): void {
  publicUrl = url;
}

/** Returns the problem details, the body of the response. */
export function problemDetails(code: ProblemCode, options: ProblemOptions = {}): ProblemDetails {
  const kind: ProblemKind = PROBLEMS[code];
  return {
    type: `${publicUrl}/docs#${problemAnchor(code)}`,
    title: kind.title,
    status: kind.status,
    detail: options.detail ?? kind.detail,
    ...(options.requestId !== undefined && { request_id: options.requestId }),
    ...(options.traceId !== undefined && { trace_id: options.traceId }),
    ...(options.errors !== undefined && options.errors.length > 0 && { errors: options.errors }),
  };
}

/** Returns the response with status line, headers and body. */
export function problem(code: ProblemCode, options: ProblemOptions = {}): Problem {
  const kind: ProblemKind = PROBLEMS[code];
  const headers: [string, string][] = [
    ['Content-Type', 'application/problem+json'],
    ['Cache-Control', 'no-store'],
  ];
  const retryAfter = options.retryAfterSeconds ?? kind.retryAfterSeconds;
  if (retryAfter !== undefined) headers.push(['Retry-After', String(retryAfter)]);
  if (code === 'UNSUPPORTED_ENCODING') headers.push(['Accept-Encoding', 'gzip, deflate, br']);
  if (options.allow) headers.push(['Allow', options.allow.join(', ')]);
  // RFC 6750, section 3: there is no error code if the request has no credentials.
  if (kind.status === 401)
    headers.push([
      'WWW-Authenticate',
      options.keyRejected ? 'Bearer realm="lightscore", error="invalid_token"' : 'Bearer realm="lightscore"',
    ]);
  return {
    code,
    status: kind.status,
    statusLine: `${kind.status} ${REASONS[kind.status]}`,
    headers,
    body: JSON.stringify(problemDetails(code, options)),
    closesConnection: (kind.closesConnection ?? false) && options.keepsConnection !== true,
  };
}
