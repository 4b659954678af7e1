/** The building blocks of the OpenAPI document: references, request bodies, answers and problems. */
import { problemAnchor, problemDetails, PROBLEMS, type ProblemCode } from './problem.js';

export type JsonObject = { readonly [key: string]: unknown };
/** Operations by method, by path. */
export type Paths = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;

const EXAMPLE_ID = 'b7c1f0a2-4d5e-4f60-8a9b-0c1d2e3f4a5b';

const PROBLEM_HEADERS: Readonly<Record<number, JsonObject>> = {
  401: { 'WWW-Authenticate': { description: 'The Bearer scheme.', schema: { type: 'string' } } },
  405: { Allow: { description: 'The methods of the route.', schema: { type: 'string' } } },
  429: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', format: 'int32', minimum: 1 } } },
  503: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', format: 'int32', minimum: 1 } } },
};

/** A reference to a schema of the document. */
export const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

/** What an operation that needs a key answers without the right one. */
export const KEY_REFUSALS = ['UNAUTHENTICATED', 'FORBIDDEN'] as const;

/** What an operation with a body answers where the headers leave its end, or what comes first, to guesses. */
export const FRAMING = ['BAD_FRAMING', 'EXPECTATION_FAILED'] as const;

/** The kinds of keys that an operation takes. */
export interface KeyKinds {
  readonly scoring?: boolean;
  readonly admin?: boolean;
}

/** The `security` of an operation that takes these kinds of keys, each in one of two headers; [] without any. */
export const security = ({ scoring = false, admin = false }: KeyKinds): readonly JsonObject[] => [
  ...(scoring ? [{ apiKey: [] }, { bearer: [] }] : []),
  ...(admin ? [{ adminKey: [] }, { adminBearer: [] }] : []),
];

const inHeader = (whose: string): JsonObject => ({
  type: 'apiKey',
  in: 'header',
  name: 'X-API-Key',
  description: `One of ${whose}.`,
});
const asBearer = (whose: string): JsonObject => ({
  type: 'http',
  scheme: 'bearer',
  description: `One of ${whose}, as in X-API-Key.`,
});

/** The security schemes by name; a document has those that its operations use. */
export const SECURITY_SCHEMES: Readonly<Record<string, JsonObject>> = {
  apiKey: inHeader('API_KEYS'),
  bearer: asBearer('API_KEYS'),
  adminKey: inHeader('ADMIN_API_KEYS'),
  adminBearer: asBearer('ADMIN_API_KEYS'),
};

/** A schema, or null; beside a reference and in an enumeration, generators understand null only so. */
export const orNull = (schema: JsonObject, description?: string): JsonObject => ({
  anyOf: [schema, { type: 'null' }],
  ...(description !== undefined && { description }),
});

/** A JSON request body with the schema of that name. */
export function requestBody(schema: string, example: unknown): JsonObject {
  return {
    required: true,
    content: { 'application/json': { schema: ref(schema), ...(example !== undefined && { example }) } },
  };
}

export interface AnswerOptions {
  readonly description: string;
  readonly schema: JsonObject;
  /** `application/json` if absent. */
  readonly mediaType?: string;
  readonly example?: unknown;
  /** Several, by name, in place of `example`. */
  readonly examples?: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>;
}

/** The response with status 200. */
export function answer(options: AnswerOptions): JsonObject {
  const { description, schema, mediaType = 'application/json', example, examples } = options;
  const shown = { ...(example !== undefined && { example }), ...(examples !== undefined && { examples }) };
  return { 200: { description, content: { [mediaType]: { schema, ...shown } } } };
}

/** The error responses by status, each with one example for every problem that has it. */
export function refusals(codes: readonly ProblemCode[]): JsonObject {
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
        ...(status in PROBLEM_HEADERS && { headers: PROBLEM_HEADERS[status] }),
        content: { 'application/problem+json': { schema: ref('Problem'), examples } },
      };
      return [String(status), response];
    }),
  );
}
