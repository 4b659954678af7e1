/** The compiled validators: what they accept, and the sentence for what they refuse. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { compileValidators } from '../src/contract/compile-validators.js';
import { explainMismatch, describePointer } from '../src/contract/mismatch.js';
import { SCHEMA_LIMITS, type BodyError } from '../src/contract/schemas.js';
import { validateScoreBatchRequest, validateScoreRequest } from '../src/contract/validators.generated.js';
import { projectRoot } from './support/project.js';

/** What is wrong with a body of /score, given as JSON text. */
function mismatch(json: string): BodyError | undefined {
  const body: unknown = JSON.parse(json);
  return validateScoreRequest(body) ? undefined : explainMismatch(validateScoreRequest.errors, body).errors?.[0];
}

function batchMismatch(json: string): BodyError | undefined {
  const body: unknown = JSON.parse(json);
  return validateScoreBatchRequest(body)
    ? undefined
    : explainMismatch(validateScoreBatchRequest.errors, body).errors?.[0];
}

/** A batch whose item 17 is `item`. */
const batchWith = (item: string) => `[${'{"features": [1, 2, 3, 4]},'.repeat(17)}${item}]`;

/** What the schema of a score request says, in other words. */
const accepted = (body: unknown): boolean => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false;
  const { features, feature_names: names, request_id: id, ...rest }: Record<string, unknown> = { ...body };
  const isRow =
    Array.isArray(features) &&
    features.every((item) => item === null || typeof item === 'boolean' || Number.isFinite(item));
  const areNames =
    names === undefined ||
    names === null ||
    (Array.isArray(names) && names.every((name) => typeof name === 'string' && name.length <= 256));
  return (
    isRow && areNames && (id === undefined || id === null || typeof id === 'string') && Object.keys(rest).length === 0
  );
};

test('the committed validators are those that the schemas compile to', () => {
  const committed = readFileSync(join(projectRoot, 'src/contract/validators.generated.js'), 'utf8');
  assert.ok(
    committed === compileValidators(),
    'schemas.ts changed: npm run build && node dist/src/contract/compile-validators.js',
  );
});

test('the committed validators import nothing', () => {
  assert.doesNotMatch(
    readFileSync(join(projectRoot, 'src/contract/validators.generated.js'), 'utf8'),
    /\brequire\(|\bimport\b/,
  );
});

describe('a score request is accepted', () => {
  const good = [
    '{"features": []}',
    '{"features": [1, -0, 1e308, 5e-324, null]}',
    '{"features": [1], "feature_names": ["a"], "request_id": "r"}',
    '{"request_id": "", "feature_names": [], "features": [null]}',
    '{"request_id": null, "feature_names": null, "features": [true, false]}',
    JSON.stringify({
      features: [1],
      request_id: 'x'.repeat(SCHEMA_LIMITS.requestIdLength),
      feature_names: ['n'.repeat(SCHEMA_LIMITS.featureNameLength)],
    }),
  ];
  for (const json of good) test(json.slice(0, 80), () => assert.equal(mismatch(json), undefined));
});

describe('a score request is refused in one sentence', () => {
  const bad: [json: string, pointer: string, detail: string][] = [
    ['[]', '', 'The body must be an object, not an array'],
    ['null', '', 'The body must be an object, not null'],
    ['1', '', 'The body must be an object, not a number'],
    ['{}', '/features', 'features is missing'],
    ['{"features": null}', '/features', 'features must be an array, not null'],
    ['{"features": {"0": 1}}', '/features', 'features must be an array, not an object'],
    ['{"features": "1,2"}', '/features', 'features must be an array, not a string'],
    ['{"features": [1, 2, 3, "4"]}', '/features/3', 'features[3] must be a number, a boolean or null, not a string'],
    ['{"features": [[1]]}', '/features/0', 'features[0] must be a number, a boolean or null, not an array'],
    [
      '{"features": [0, 1e999]}',
      '/features/1',
      'features[1] must be a number, a boolean or null, not a number too large for a double',
    ],
    [
      '{"features": [-1e400]}',
      '/features/0',
      'features[0] must be a number, a boolean or null, not a number too large for a double',
    ],
    ['{"features": [1], "feature_names": [1]}', '/feature_names/0', 'feature_names[0] must be a string, not a number'],
    ['{"features": [1], "request_id": 7}', '/request_id', 'request_id must be a string or null, not a number'],
    [
      '{"features": [1], "__proto__": {"features": []}}',
      '/__proto__',
      'The body has an unknown field "__proto__"; the fields are features, feature_names and request_id',
    ],
    ['{"__proto__": {"features": [1]}}', '/features', 'features is missing'],
    [
      '{"features": [1], "a/b~c": 1}',
      '/a~1b~0c',
      'The body has an unknown field "a/b~c"; the fields are features, feature_names and request_id',
    ],
    [
      '{"features": [1], "constructor": 1}',
      '/constructor',
      'The body has an unknown field "constructor"; the fields are features, feature_names and request_id',
    ],
    [
      JSON.stringify({ features: [1], request_id: 'x'.repeat(257) }),
      '/request_id',
      'request_id must not be longer than 256 characters',
    ],
    [
      JSON.stringify({ features: [1], feature_names: ['n'.repeat(257)] }),
      '/feature_names/0',
      'feature_names[0] must not be longer than 256 characters',
    ],
    [
      JSON.stringify({ features: Array(SCHEMA_LIMITS.features + 1).fill(0) }),
      '/features',
      'features must not have more than 100000 items',
    ],
  ];
  for (const [json, pointer, detail] of bad)
    test(`${json.slice(0, 60)}: ${detail}`, () => assert.deepEqual(mismatch(json), { pointer, detail }));

  test('a field name too long to repeat is cut, and its object is pointed at', () => {
    assert.deepEqual(mismatch(JSON.stringify({ features: [1], ['k'.repeat(100_000)]: 1 })), {
      pointer: '',
      detail:
        `The body has an unknown field "${'k'.repeat(64)}…"; the fields are features, feature` +
        `_names and request_id`,
    });
  });
});

describe('a batch', () => {
  test('of requests is accepted', () =>
    assert.equal(batchMismatch('[{"features": [1]}, {"features": [null], "request_id": "b"}]'), undefined));

  const bad: [json: string, pointer: string, detail: string][] = [
    ['{}', '', 'The body must be an array, not an object'],
    ['[]', '', 'The body must not be empty'],
    [
      batchWith('{"features": [1, 2, 3, "4"]}'),
      '/17/features/3',
      'Item 17: features[3] must be a number, a boolean or null, not a string',
    ],
    [batchWith('{}'), '/17/features', 'Item 17: features is missing'],
    [batchWith('[1]'), '/17', 'Item 17 must be an object, not an array'],
    [
      batchWith('{"features": [1], "x": 1}'),
      '/17/x',
      'Item 17 has an unknown field "x"; the fields are features, feature_names and request_id',
    ],
    [`[${'0,'.repeat(SCHEMA_LIMITS.batchRows)}0]`, '', 'The body must not have more than 100000 items'],
  ];
  for (const [json, pointer, detail] of bad)
    test(`names the item that is wrong: ${detail}`, () => assert.deepEqual(batchMismatch(json), { pointer, detail }));
});

test('whatever the JSON, a validator answers by its schema, and a refusal points into the body', () => {
  const value = fc.oneof(fc.double({ noNaN: true }), fc.constant(null), fc.boolean(), fc.string(), fc.jsonValue());
  const request = fc.record(
    {
      features: fc.oneof(fc.array(value), fc.jsonValue()),
      feature_names: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
      request_id: fc.oneof(fc.string(), fc.jsonValue()),
      extra: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(request, fc.jsonValue()), (generated) => {
      const body: unknown = JSON.parse(JSON.stringify(generated));
      assert.equal(validateScoreRequest(body), accepted(body));
      if (!validateScoreRequest(body)) {
        const { detail, errors } = explainMismatch(validateScoreRequest.errors, body);
        assert.equal(errors?.length, 1);
        assert.ok(
          detail !== undefined && detail.length < 300 && !/undefined|\[object/.test(detail.replaceAll(/"[^"]*"/g, '')),
          detail,
        );
      }
      const batch: unknown = JSON.parse(JSON.stringify([{ features: [1] }, generated]));
      assert.equal(validateScoreBatchRequest(batch), accepted(body));
      if (!validateScoreBatchRequest(batch))
        assert.match(explainMismatch(validateScoreBatchRequest.errors, batch).errors![0].pointer, /^\/1(\/|$)/);
    }),
    { numRuns: 2000 },
  );
});

test('places in words', () => {
  assert.deepEqual(['', '/features', '/features/3', '/17', '/17/features', '/17/features/3'].map(describePointer), [
    'The body',
    'features',
    'features[3]',
    'Item 17',
    'Item 17: features',
    'Item 17: features[3]',
  ]);
});
