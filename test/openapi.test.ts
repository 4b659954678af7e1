/** The OpenAPI document: complete, consistent, with examples that match. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { openApiDocument } from '../src/contract/openapi.js';
import type { ExampleModel, OpenApiOptions } from '../src/contract/openapi-options.js';

const model: ExampleModel = {
  modelVersion: 'v1.0.0',
  calibrationVersion: 'v1.0.0',
  featureNames: ['age', 'ltv_ratio'],
  features: [35, null],
  response: {
    confidence_score: 0.25,
    top_features: [
      { feature_name: 'age', feature_value: 35, importance: 3, contribution: 105 },
      { feature_name: 'ltv_ratio', feature_value: null, importance: 2, contribution: 0 },
    ],
    model_version: 'v1.0.0',
    calibration_version: 'v1.0.0',
    inference_time_ms: 0,
    request_id: 'test-123',
  },
};

interface Media {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly headers?: object; readonly content?: Readonly<Record<string, Media>> }>
  >;
}

interface Document {
  readonly externalDocs: { readonly url: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** The document as a client gets it. */
function served(options: Partial<OpenApiOptions> = {}): Document {
  return JSON.parse(
    JSON.stringify(
      openApiDocument({ version: '1.2.3', model, scoringNeedsKey: true, metricsNeedsKey: false, ...options }),
    ),
  );
}

function operations(document: Document): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
}

describe('the OpenAPI document', () => {
  const document = served();

  test('lists every route', () => {
    assert.deepEqual(
      operations(document).map(([route]) => route),
      [
        'POST /score',
        'POST /score_batch',
        'GET /healthz',
        'HEAD /healthz',
        'GET /livez',
        'HEAD /livez',
        'GET /readyz',
        'HEAD /readyz',
        'GET /metrics',
        'HEAD /metrics',
        'GET /openapi.json',
        'HEAD /openapi.json',
      ],
    );
  });

  test('names the page of the docs, which is no operation', () => {
    assert.equal(document.externalDocs.url, './docs');
    assert.equal(served({ publicUrl: 'https://a.example/ml' }).externalDocs.url, 'https://a.example/ml/docs');
  });

  test('has an id of its own for each operation', () => {
    const ids = operations(document).map(([, { operationId }]) => operationId);
    assert.equal(new Set(ids).size, ids.length);
  });

  test('has only references that lead somewhere, and no schema twice', () => {
    const references = new Set(
      [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name),
    );
    assert.deepEqual([...references].toSorted(), Object.keys(document.components.schemas).toSorted());
    assert.equal(JSON.stringify(document).split('"Raw feature values').length, 2);
  });

  for (const [route, { requestBody, responses }] of operations(document)) {
    test(`has examples that match their schemas for ${route}`, () => {
      const ajv = new Ajv2020({ strict: false, validateFormats: false });
      for (const { content = {} } of [requestBody, ...Object.values(responses)].filter((part) => part !== undefined)) {
        for (const [mediaType, { schema, example, examples }] of Object.entries(content)) {
          const matches = ajv.compile({ ...schema, components: document.components });
          const values = [example, ...Object.values(examples ?? {}).map(({ value }) => value)].filter(
            (value) => value !== undefined,
          );
          if (mediaType.endsWith('json') && route !== 'GET /openapi.json') assert.ok(values.length > 0);
          for (const value of values) assert.ok(matches(value), ajv.errorsText(matches.errors));
        }
      }
    });
  }

  test('answers every refusal as problem details, with the headers that belong to its status', () => {
    for (const [route, { responses }] of operations(document)) {
      for (const [status, response] of Object.entries(responses).filter(([code]) => code !== '200')) {
        const bodies = route.startsWith('HEAD') ? [] : ['application/problem+json'];
        assert.deepEqual(Object.keys(response.content ?? {}), bodies, `${route} ${status}`);
        const header = { 401: 'WWW-Authenticate', 405: 'Allow', 429: 'Retry-After', 503: 'Retry-After' }[status];
        assert.deepEqual(
          Object.keys(response.headers ?? {}),
          header === undefined ? [] : [header],
          `${route} ${status}`,
        );
      }
    }
    assert.deepEqual(Object.keys(document.paths['/score']['post'].responses), [
      '200',
      '400',
      '401',
      '403',
      '405',
      '408',
      '413',
      '415',
      '417',
      '422',
      '429',
      '500',
      '503',
    ]);
  });

  test("takes the served model's features as the example", () => {
    assert.deepEqual(document.paths['/score']['post'].requestBody?.content['application/json'].example, {
      features: [35, null],
      feature_names: ['age', 'ltv_ratio'],
      request_id: 'test-123',
    });
  });

  test('has no example while no model is served', () => {
    const modelless: Document = JSON.parse(
      JSON.stringify(openApiDocument({ version: '1.2.3', scoringNeedsKey: false, metricsNeedsKey: false })),
    );
    assert.deepEqual(Object.keys(modelless.paths['/score']['post'].requestBody?.content['application/json'] ?? {}), [
      'schema',
    ]);
  });

  test('asks for a key where the server does', () => {
    const secured = (options: Partial<OpenApiOptions>) =>
      operations(served(options))
        .filter(([, { security }]) => security.length > 0)
        .map(([route]) => route);
    assert.deepEqual(secured({}), ['POST /score', 'POST /score_batch']);
    assert.deepEqual(secured({ scoringNeedsKey: false }), []);
    const metrics = ['GET /metrics', 'HEAD /metrics'];
    assert.deepEqual(secured({ metricsNeedsKey: true }), ['POST /score', 'POST /score_batch', ...metrics]);
    const open = served({ scoringNeedsKey: false }).paths['/score']['post'].responses;
    assert.ok(!('401' in open) && !('403' in open));
  });
});
