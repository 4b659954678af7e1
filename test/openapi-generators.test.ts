/** What generators of clients need of the OpenAPI document: formats, names, nulls, keys and addresses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { openApiDocument } from '../src/contract/openapi.js';
import type { OpenApiOptions } from '../src/contract/openapi-options.js';
import { readGolden } from './support/golden.js';
import { startServer } from './support/server.js';

const golden = readGolden();
const featureNames = ['age', 'ltv_ratio', 'vin_reuse_flag'];
const options: OpenApiOptions = {
  version: '1.2.3',
  model: { modelVersion: 'v1.0.0', calibrationVersion: 'v1.0.0', featureNames },
  scoringNeedsKey: true,
  metricsNeedsKey: true,
  administered: true,
};

type Json = Readonly<Record<string, unknown>>;
const served = (changed: Partial<OpenApiOptions> = {}): Json =>
  JSON.parse(JSON.stringify(openApiDocument({ ...options, ...changed }))) as Json;

/** Every object of the document, with its place. */
function* objects(value: unknown, place = '#'): Generator<readonly [string, Json]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [place, value as Json];
  for (const [key, part] of Object.entries(value)) yield* objects(part, `${place}/${key}`);
}

const schemas = (document: Json): (readonly [string, Json])[] =>
  [...objects(document)].filter(([place, { type }]) => typeof type === 'string' || Array.isArray(type) || place === '');

test('every number has a format, so that no generator makes a float of it', () => {
  let numbers = 0;
  for (const [place, { type, format }] of schemas(served())) {
    if (place.includes('/example')) continue;
    const types = [type].flat();
    if (types.includes('number')) assert.equal(format, 'double', place);
    else if (types.includes('integer')) assert.match(String(format), /^int(32|64)$/, place);
    else continue;
    numbers++;
  }
  assert(numbers > 15);
});

test('no operation makes a type of the name of a schema, as Go generators name their wrappers', () => {
  const document = served();
  const names = Object.keys((document['components'] as Record<string, Json>)['schemas']);
  for (const [, { operationId }] of objects(document['paths'])) {
    if (typeof operationId !== 'string') continue;
    const wrapper = operationId[0].toUpperCase() + operationId.slice(1);
    for (const ending of ['Response', 'Params', 'JSONBody', 'JSONRequestBody', 'Request'])
      assert(!names.includes(`${wrapper}${ending}`), `${operationId}${ending}`);
  }
});

test('null stands beside a reference and an enumeration by anyOf, and objects of fixed fields have them', () => {
  for (const [place, schema] of objects((served()['components'] as Json)['schemas'])) {
    if (Array.isArray(schema['enum'])) assert(!schema['enum'].includes(null), place);
    if (schema['$ref'] !== undefined) assert.deepEqual(Object.keys(schema), ['$ref'], place);
    if ([schema['type']].flat().includes('object')) assert(schema['properties'] !== undefined, place);
  }
});

test('a row has the length and the names of the served model', () => {
  const { ScoreRequest } = (served()['components'] as Record<string, Record<string, object>>)['schemas'];
  const isValid = new Ajv2020({ strict: false, validateFormats: false }).compile(ScoreRequest);
  const features = [1, null, 2.5];
  for (const good of [{ features }, { features, feature_names: null }, { features, feature_names: [] }])
    assert(isValid(good), JSON.stringify(good));
  assert(isValid({ features, feature_names: featureNames.toReversed(), request_id: 'a' }));
  for (const bad of [
    { features: [1, 2] },
    { features: [1, 2, 3, 4] },
    { features, feature_names: ['age'] },
    { features, feature_names: ['age', 'age', 'ltv_ratio'] },
    { features, feature_names: ['age', 'ltv_ratio', 'other'] },
  ])
    assert(!isValid(bad), JSON.stringify(bad));
});

test('names are constants only where every generator can tell them apart', () => {
  const itemsOf = (names: readonly string[]): Json => {
    const { components } = served({
      model: { modelVersion: 'v1.0.0', calibrationVersion: 'v1.0.0', featureNames: names },
    }) as { components: { schemas: Record<string, { properties: Record<string, { items: Json }> }> } };
    return components.schemas['ScoreRequest'].properties['feature_names'].items;
  };
  assert.deepEqual(itemsOf(['class', '1', 'é']), { type: 'string', enum: ['class', '1', 'é'] });
  const many = Array.from({ length: 1001 }, (_, i) => `feature_${i}`);
  assert.deepEqual(itemsOf(many.slice(1))['enum'], many.slice(1));
  for (const names of [['a b', 'a_b'], ['age', 'AGE'], ['+', '-'], many])
    assert.deepEqual(itemsOf(names), { type: 'string', maxLength: 256 }, names.slice(0, 2).join());
});

test('scoring and admin keys are schemes of their own, and only those in use are there', () => {
  const schemesOf = (document: Json): string[] =>
    Object.keys((document['components'] as Record<string, Json>)['securitySchemes'] ?? {});
  assert.deepEqual(schemesOf(served()), ['apiKey', 'bearer', 'adminKey', 'adminBearer']);
  assert.deepEqual(schemesOf(served({ administered: false, metricsNeedsKey: false })), ['apiKey', 'bearer']);
  assert.deepEqual(schemesOf(served({ administered: false })), ['apiKey', 'bearer'], 'no admin key opens /metrics');
  assert.deepEqual(schemesOf(served({ scoringNeedsKey: false })), ['adminKey', 'adminBearer']);
  const open = { scoringNeedsKey: false, metricsNeedsKey: false, administered: false };
  assert.equal((served(open)['components'] as Json)['securitySchemes'], undefined);
});

test('the address of the server is relative to the document, or PUBLIC_URL; problems lead there as well', async (t) => {
  assert.deepEqual(served()['servers'], [{ url: '.' }]);
  const plain = await startServer();
  t.after(() => plain.stop());
  assert.equal((await plain.score({ features: [] })).problem.type, '/docs#feature-count');
  const publicUrl = 'https://api.example.com/ml';
  const server = await startServer({ PUBLIC_URL: `${publicUrl}/`, ACCEPTORS: '2', WORKERS: '2' });
  t.after(() => server.stop());
  assert.equal((await server.score({ features: [] })).problem.type, `${publicUrl}/docs#feature-count`);
  assert.deepEqual((await server.request('/openapi.json')).json['servers'], [{ url: publicUrl }]);
});

test('the example answer of the served document is the answer to its example request', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const { paths } = (await server.request('/openapi.json')).json as {
    paths: Record<string, { post: Record<string, { content: Record<string, Json> }> & { responses: Json } }>;
  };
  const { requestBody, responses } = paths['/score'].post;
  const { content } = responses['200'] as { content: Record<string, { examples: Record<string, { value: Json }> }> };
  const { confidence_score: score, ...shown } = content['application/json'].examples['importance'].value;
  const answered = await server.score(requestBody.content['application/json']['example']);
  const { confidence_score: own, inference_time_ms: _, ...others } = answered.scored;
  assert.deepEqual({ ...others, inference_time_ms: 0 }, shown);
  // The example's exp is V8's, which may differ from the kernel's by one unit in the last place.
  assert(Math.abs(own - Number(score)) <= 1e-12, `${own} ${String(score)}`);
});

test('HEAD of every route that has it in the document answers as its GET, without a body', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const { paths } = (await server.request('/openapi.json')).json as { paths: Record<string, Json> };
  const routes = Object.entries(paths).filter(([, methods]) => 'head' in methods);
  assert.equal(routes.length, 5);
  for (const [path] of [...routes, ['/docs']]) {
    const { status, text } = await server.request(path, { method: 'HEAD' });
    assert.deepEqual([status, text], [200, ''], path);
  }
});

test('the served document has the names and the number of features', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const { components } = (await server.request('/openapi.json')).json as {
    components: {
      schemas: Record<string, { properties: Record<string, { minItems: number; items: { enum: string[] } }> }>;
    };
  };
  const { features, feature_names: names } = components.schemas['ScoreRequest'].properties;
  assert.equal(features.minItems, golden.rows[0].length);
  assert.equal(names.items.enum.length, golden.rows[0].length);
});
