/** The building blocks of the OpenAPI document: references, request bodies, answers and problems. */
import { problemAnchor, problemDetails, PROBLEMS, type ProblemCode } from './problem.js';

export type JsonObject = { readonly [key: string]: unknown };
/** Operations by method, by path. */
export type Paths = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;

const EXAMPLE_ID = 'b7c1f0a2-4d5e-4f60-8a9b-0c1d2e3f4a5b';

const PROBLEM_HEADERS: Readonly<Record<number, JsonObject>> = {
  401: { 'WWW-Authenticate': { description: 'The Bearer scheme.', schema: { type: 'string' } } },
  405: { Allow: { description: 'The methods of the route.', schema: { type: 'string' } } },
  429: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } } },
  503: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } } },
};

/** A reference to a schema of the document. */
export const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

/** The `security` of an operation: an API key in one of two headers, or none. */
export const security = (needsKey: boolean): readonly JsonObject[] =>
  needsKey ? [{ apiKey: [] }, { bearer: [] }] : [];

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
}

/** The response with status 200. */
export function answer({ description, schema, mediaType = 'application/json', example }: AnswerOptions): JsonObject {
  return { 200: { description, content: { [mediaType]: { schema, ...(example !== undefined && { example }) } } } };
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
