/** Explains in one sentence what a compiled validator found wrong with a body. */
import type { ProblemOptions } from './problem.js';
import { type BodyError, scoreRequestSchema } from './schemas.js';
import type { SchemaMismatch } from './validators.generated.js';
import { inWords, quote } from '../quote.js';

/** A field name of more UTF-16 code units is not repeated in a pointer; `quote` cuts it in a message. */
const MAX_POINTER_NAME = 64;

/** A pointer in words: "" is "The body", "/features/3" is "features[3]", "/17/request_id" is "Item 17: request_id". */
export function describePointer(pointer: string): string {
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

interface FieldSchema {
  readonly type: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The schema of an object: what can be said of its fields. */
interface ObjectSchema {
  readonly properties: Readonly<Record<string, FieldSchema>>;
}

function describe({ instancePath, keyword, params }: SchemaMismatch, body: unknown, schema: ObjectSchema): BodyError {
  const place = describePointer(instancePath);
  const must = (what: string): BodyError => ({
    pointer: instancePath,
    detail: `${place} must be ${what}, not ${quote(valueAt(body, instancePath))}`,
  });
  switch (keyword) {
    case 'required':
      return {
        pointer: `${instancePath}/${String(params['missingProperty'])}`,
        detail: `${describePointer(`${instancePath}/${String(params['missingProperty'])}`)} is missing`,
      };
    case 'additionalProperties': {
      const name = String(params['additionalProperty']);
      const fields = inWords(Object.keys(schema.properties));
      // If the name is too long, the pointer names the object that has the field.
      const pointer =
        name.length > MAX_POINTER_NAME
          ? instancePath
          : `${instancePath}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      return {
        pointer,
        detail: `${place} has an unknown field ${quote(name)}; the fields are ${fields}`,
      };
    }
    case 'type': {
      const wanted = [params['type']].flat().map((type) => WITH_ARTICLE[String(type)]);
      const last = wanted.pop();
      const others = wanted.length === 0 ? '' : `${wanted.join(', ')} or `;
      const found = kindOf(valueAt(body, instancePath));
      return { pointer: instancePath, detail: `${place} must be ${others}${last}, not ${found}` };
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
    case 'enum':
      return must([params['allowedValues']].flat().join(' or '));
    case 'minimum':
    case 'maximum': {
      const { minimum, maximum } = schema.properties[instancePath.slice(1)] ?? {};
      return must(`from ${minimum} to ${maximum}`);
    }
    case 'pattern':
      return must('the name of a version (letters, digits and . _ + - after a first letter or digit)');
    default:
      return { pointer: instancePath, detail: `${place} does not match the schema (${keyword})` };
  }
}

/**
 * Explains a schema mismatch, for an INVALID_BODY problem.
 *
 * @param errors the validator's `errors`, right after it returned false
 * @param body the value that was validated
 * @param schema of the object: it has the fields to list if one is unknown, and their limits
 */
export function explainMismatch(
  errors: readonly SchemaMismatch[] | null | undefined,
  body: unknown,
  schema: ObjectSchema = scoreRequestSchema,
): ProblemOptions {
  const bodyErrors = (errors ?? []).map((mismatch) => describe(mismatch, body, schema));
  return bodyErrors.length > 0 ? { detail: bodyErrors[0].detail, errors: bodyErrors } : {};
}
