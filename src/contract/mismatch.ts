/** One clear sentence for what `JSON.parse` or a compiled validator found wrong with a body. */
import type { ProblemOptions } from './problem.js';
import type { ProblemPlace } from './schemas.js';
import type { SchemaMismatch } from './validators.generated.js';
import { quote } from '../quote.js';

/** Text of the client's own that is repeated to it is cut to this many UTF-16 code units. */
const QUOTED_LENGTH = 64;

/**
 * The pointer in words: "" is "The body", "/features/3" is "features[3]", "/17/request_id" is "Item 17: request_id".
 */
export function placeInWords(pointer: string): string {
  const parts = pointer.split('/').slice(1);
  const item = parts.length > 0 && /^\d+$/.test(parts[0]) ? parts.shift() : undefined;
  const field = parts.length > 1 ? `${parts[0]}[${parts[1]}]` : parts[0];
  if (item === undefined) return field ?? 'The body';
  return field === undefined ? `Item ${item}` : `Item ${item}: ${field}`;
}

function valueAt(body: unknown, pointer: string): unknown {
  let value = body;
  for (const part of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

const WITH_ARTICLE: Readonly<Record<string, string>> = {
  string: 'a string',
  boolean: 'a boolean',
  object: 'an object',
  array: 'an array',
  null: 'null',
  number: 'a number',
};

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  // JSON.parse turns 1e999 into Infinity.
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a number too large for a double';
  return WITH_ARTICLE[typeof value];
}

function describe({ instancePath, keyword, params }: SchemaMismatch, body: unknown): ProblemPlace {
  const place = placeInWords(instancePath);
  switch (keyword) {
    case 'required':
      return {
        pointer: `${instancePath}/${String(params['missingProperty'])}`,
        detail: `${placeInWords(`${instancePath}/${String(params['missingProperty'])}`)} is missing`,
      };
    case 'additionalProperties': {
      const name = String(params['additionalProperty']);
      // A name too long to repeat is pointed at by its object.
      const pointer =
        name.length > QUOTED_LENGTH
          ? instancePath
          : `${instancePath}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      return {
        pointer,
        detail: `${place} has an unknown field ${quote(name)}; the fields are features, feature_names and request_id`,
      };
    }
    case 'type': {
      const wanted = [params['type']].flat().map((type) => WITH_ARTICLE[String(type)]);
      return {
        pointer: instancePath,
        detail: `${place} must be ${wanted.join(' or ')}, not ${kindOf(valueAt(body, instancePath))}`,
      };
    }
    case 'minItems':
      return { pointer: instancePath, detail: `${place} must not be empty` };
    case 'maxItems':
      return { pointer: instancePath, detail: `${place} must not have more than ${String(params['limit'])} items` };
    case 'maxLength':
      return {
        pointer: instancePath,
        detail: `${place} must not be longer than ${String(params['limit'])} characters`,
      };
    default:
      return { pointer: instancePath, detail: `${place} does not match the schema (${keyword})` };
  }
}

/**
 * What an INVALID_BODY problem says of a mismatch.
 *
 * @param errors the validator's `errors`, right after it answered false.
 * @param body what it was given.
 */
export function explainMismatch(errors: readonly SchemaMismatch[] | null | undefined, body: unknown): ProblemOptions {
  const places = (errors ?? []).map((mismatch) => describe(mismatch, body));
  return places.length > 0 ? { detail: places[0].detail, errors: places } : {};
}

/**
 * What a MALFORMED_JSON problem says of a body that is not JSON.
 *
 * V8's own message quotes the body and changes between versions, so only the position is taken from it.
 *
 * @param text the body.
 * @param error what `JSON.parse` threw.
 */
export function explainMalformedJson(text: string, error: unknown): ProblemOptions {
  if (text.trim() === '') return { detail: 'The body is empty.' };
  const message = error instanceof Error ? error.message : '';
  const position = /at position (\d+)/.exec(message)?.[1];
  if (message.startsWith('Unexpected end of JSON') || Number(position) >= text.trimEnd().length)
    return { detail: 'The body is not valid JSON: it ends too early.' };
  return position === undefined ? {} : { detail: `The body is not valid JSON at position ${position}.` };
}
