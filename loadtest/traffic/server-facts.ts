/** What a running server says of itself, asked before any load: whether it can score, and what its model takes. */
import { messageOf } from '../../src/errors.js';
import { quote } from '../../src/quote.js';
import { DoesNotFit } from './does-not-fit.js';
import type { Row } from './rows.js';

export interface ServerFacts {
  /** Without a path or a slash at the end. */
  readonly origin: string;
  /** As answers name it. */
  readonly version: string;
  /** In the model's order; undefined where the server's OpenAPI document has no example. */
  readonly featureNames: readonly string[] | undefined;
  /** Examples of the OpenAPI document, in the model's order. */
  readonly exampleRows: readonly Row[];
}

const TIMEOUT_MS = 5000;

/** @throws DoesNotFit where no load could succeed */
export async function askServer(origin: string): Promise<ServerFacts> {
  const version = await servedVersion(origin);
  await checkReady(origin);
  return { origin, version, ...(await documentedRows(origin)) };
}

interface Answer {
  readonly status: number;
  /** Undefined where the body is no JSON object. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

async function get(origin: string, path: string): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(`${origin}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new DoesNotFit(
      `${origin} cannot be reached (${reasonOf(error)}): start a server there (npm start), or leave --url out`,
      { cause: error },
    );
  }
  const text = await response.text();
  try {
    const json: unknown = JSON.parse(text);
    return { status: response.status, json: isObject(json) ? json : undefined };
  } catch {
    return { status: response.status, json: undefined };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED') return 'nothing listens there';
  return messageOf(cause ?? error);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function servedVersion(origin: string): Promise<string> {
  const { status, json } = await get(origin, '/healthz');
  if (status !== 200 || json === undefined || !('model_loaded' in json))
    throw new DoesNotFit(
      `${origin} is no scoring server: it answers /healthz with status ${status} and no model state`,
    );
  const version = json['model_version'];
  if (json['model_loaded'] !== true || typeof version !== 'string')
    throw new DoesNotFit(`${origin} is not ready: it has not loaded a model`);
  return version;
}

/** A server that has no such route is taken to be ready, as its health says. */
async function checkReady(origin: string): Promise<void> {
  const { status, json } = await get(origin, '/readyz');
  if (status === 503)
    throw new DoesNotFit(`${origin} is not ready: it answers /readyz with ${quote(json?.['detail'] ?? status)}`);
}

async function documentedRows(origin: string): Promise<Pick<ServerFacts, 'featureNames' | 'exampleRows'>> {
  const { json } = await get(origin, '/openapi.json');
  const content = at(json, 'paths', '/score', 'post', 'requestBody', 'content', 'application/json');
  const several = at(content, 'examples');
  const examples = [
    at(content, 'example'),
    ...(isObject(several) ? Object.values(several).map((one) => at(one, 'value')) : []),
  ];
  const requests = examples.filter(isRowRequest);
  const [first] = requests;
  if (first === undefined) return { featureNames: undefined, exampleRows: [] };
  const { feature_names: names } = first;
  return {
    featureNames: names,
    exampleRows: requests
      .filter(({ feature_names: own }) => own.length === names.length && own.every((name, i) => name === names[i]))
      .map(({ features }) => features),
  };
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let part = value;
  for (const key of path) part = isObject(part) ? part[key] : undefined;
  return part;
}

function isRowRequest(value: unknown): value is { readonly feature_names: readonly string[]; readonly features: Row } {
  if (!isObject(value)) return false;
  const { feature_names: names, features } = value;
  return Array.isArray(names) && Array.isArray(features) && names.length > 0 && names.length === features.length;
}
