/** What a scoring request is refused for, and in which words. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readGolden } from './support/golden.js';
import { type Answer, type ServerProcess, startServer } from './support/server.js';

const golden = readGolden();
const names = golden.feature_names;
const row = golden.rows[0];
const good = { features: row };

let server: ServerProcess;
before(async () => {
  server = await startServer({ MAX_BODY_BYTES: '200000', MAX_BATCH_ROWS: '100' });
});
after(() => server.stop());

/** Holds a refusal against the contract; returns the problem. */
function refused(answer: Answer, status: number, anchor: string): Answer['problem'] {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  const { problem } = answer;
  assert.equal(problem.status, status);
  assert.equal(problem.type, `/docs#${anchor}`);
  assert(problem.title.length > 0 && problem.detail.length > 0);
  for (const field of Object.keys(problem))
    assert(['type', 'title', 'status', 'detail', 'request_id', 'errors'].includes(field), field);
  assert.doesNotMatch(answer.text, /node:|\.[jt]s\b(?!on)|file:|\/src\/|node_modules|\n? {4}at /, 'nothing internal');
  return problem;
}

const MALFORMED = [
  '',
  ' ',
  '{',
  '[',
  '{"features":[1,2',
  'nonsense',
  '{"features":[1,]}',
  "{'features':[]}",
  '{"features":NaN}',
  '{"features":[Infinity]}',
  '{"features":[0x10]}',
  '{"features":[01]}',
  '\uFEFF',
  '{}{}',
  '"\u0001"',
];
test('a body that is not JSON is a 400', async () => {
  for (const body of MALFORMED) {
    for (const path of ['/score', '/score_batch']) refused(await server.score(body, path), 400, 'malformed-json');
  }
  assert.match((await server.score('')).problem.detail, /empty/);
  assert.match((await server.score('{"features": [1 2]}')).problem.detail, /position 16/);
});

test('bytes that are not UTF-8 are a 400', async () => {
  const body = Buffer.concat([
    Buffer.from(`{"features":[${row.join()}],"request_id":"`),
    Buffer.from([0xff, 0xfe, 0xc0]),
    Buffer.from('"}'),
  ]);
  refused(await server.score(body), 400, 'malformed-json');
});

const INVALID: readonly (readonly [what: string, body: unknown, pointer: string])[] = [
  ['no object', 7, ''],
  ['null', null, ''],
  ['an array', [good], ''],
  ['a string', '"text"', ''],
  ['no features', {}, '/features'],
  ['features that are null', { features: null }, '/features'],
  ['features in an object', { features: { 0: 1 } }, '/features'],
  ['a number in a string', { features: row.map((value, i) => (i === 3 ? '0.5' : value)) }, '/features/3'],
  ['an array for a number', { features: row.map((value, i) => (i === 0 ? [1] : value)) }, '/features/0'],
  ['a number too large for a double', `{"features":[1e999,${row.slice(1).join()}]}`, '/features/0'],
  ['an unknown field', { ...good, extra: 1 }, '/extra'],
  ['an unknown field with / and ~', { ...good, 'a/b~c': 1 }, '/a~1b~0c'],
  ['__proto__', `{"features":[${row.join()}],"__proto__":{"request_id":"x"}}`, '/__proto__'],
  ['constructor', { ...good, constructor: {} }, '/constructor'],
  ['a numeric request_id', { ...good, request_id: 1 }, '/request_id'],
  ['a long request_id', { ...good, request_id: 'x'.repeat(257) }, '/request_id'],
  ['names that are no array', { ...good, feature_names: 'age' }, '/feature_names'],
  [
    'a name that is no string',
    { ...good, feature_names: names.map((name, i) => (i === 2 ? 2 : name)) },
    '/feature_names/2',
  ],
  [
    'a long name',
    { ...good, feature_names: names.map((name, i) => (i === 2 ? 'n'.repeat(257) : name)) },
    '/feature_names/2',
  ],
];
for (const [what, body, pointer] of INVALID) {
  test(`a body with ${what} is a 400 that points at ${pointer === '' ? 'the whole' : pointer}`, async () => {
    const problem = refused(await server.score(body), 400, 'invalid-body');
    assert.deepEqual(
      problem.errors?.map((error) => error.pointer),
      [pointer],
    );
  });
}

test('the wrong number of features is a 400 in the words of the seed', async () => {
  for (const count of [0, 1, 14, 16, 1000]) {
    const problem = refused(
      await server.score({ features: Array.from({ length: count }, () => 0), request_id: 'mine' }),
      400,
      'feature-count',
    );
    assert.equal(problem.detail, 'Expected 15 features');
    assert.equal(problem.request_id, 'mine');
    assert.deepEqual(problem.errors, [{ pointer: '/features', detail: `Expected 15 features, got ${count}` }]);
  }
});

test('unknown, missing and repeated feature names are a 400 that names them', async () => {
  const unknown = refused(
    await server.score({ ...good, feature_names: names.map((name, i) => (i === 4 ? 'AGE' : name)) }),
    400,
    'feature-names',
  );
  assert.match(unknown.detail, /"AGE".*"email_reuse_count"/);
  assert.deepEqual(
    unknown.errors?.map(({ pointer }) => pointer),
    ['/feature_names/4', '/feature_names'],
  );
  const repeated = refused(
    await server.score({ ...good, feature_names: names.map((_, i) => names[i === 9 ? 0 : i]) }),
    400,
    'feature-names',
  );
  assert.match(repeated.detail, /"age"/);
  assert(repeated.errors?.some(({ pointer }) => pointer === '/feature_names/9'));
  for (const feature_names of [names.slice(0, 1), names.slice(1), [...names, 'more'], names.map(() => '__proto__')])
    refused(await server.score({ ...good, feature_names }), 400, 'feature-names');
});

test('every refusal has a request id: that of the request where it can be read, else a new one', async () => {
  assert.equal((await server.score({ ...good, extra: 1, request_id: 'mine' })).problem.request_id, 'mine');
  assert.equal((await server.score({ ...good, feature_names: ['x'], request_id: 'é"' })).problem.request_id, 'é"');
  const ids = [
    await server.score({ ...good, request_id: 7 }),
    await server.request('/nope'),
    await server.request('/score'),
  ].map(({ problem }) => problem.request_id);
  for (const id of ids) assert.match(id ?? '', /^[0-9a-f-]{36}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('a bad item of a batch is named by its index, and nothing is scored', async () => {
  const scoredBefore = await server.metric('predictions_total', '{model_version="v1.0.0",variant="champion"}');
  const at = (index: number, item: unknown) => Array.from({ length: 20 }, (_, i) => (i === index ? item : good));
  const type = refused(
    await server.score(at(17, { features: row.map((value, i) => (i === 3 ? 'x' : value)) }), '/score_batch'),
    400,
    'invalid-body',
  );
  assert.deepEqual(
    type.errors?.map(({ pointer }) => pointer),
    ['/17/features/3'],
  );
  assert.match(type.detail, /^Item 17: /);
  const count = refused(await server.score(at(5, { features: [1] }), '/score_batch'), 400, 'feature-count');
  assert.equal(count.detail, 'Item 5: Expected 15 features');
  assert.deepEqual(
    count.errors?.map(({ pointer }) => pointer),
    ['/5/features'],
  );
  const name = refused(
    await server.score(at(19, { ...good, feature_names: names.map((_, i) => `f${i}`) }), '/score_batch'),
    400,
    'feature-names',
  );
  assert.match(name.detail, /^Item 19: /);
  assert(name.errors?.every(({ pointer }) => pointer.startsWith('/19/feature_names')));
  refused(await server.score(at(0, null), '/score_batch'), 400, 'invalid-body');
  assert.deepEqual(
    await server.metric('predictions_total', '{model_version="v1.0.0",variant="champion"}'),
    scoredBefore,
  );
});

test('a batch must be an array with a row in it', async () => {
  assert.deepEqual(
    refused(await server.score([], '/score_batch'), 400, 'invalid-body').errors?.map(({ pointer }) => pointer),
    [''],
  );
  refused(await server.score(good, '/score_batch'), 400, 'invalid-body');
});

test('a batch of MAX_BATCH_ROWS is scored, and one row more is a 413', async () => {
  const rows = (count: number) => Array.from({ length: count }, () => good);
  assert.equal((await server.score(rows(100), '/score_batch')).scoredBatch.length, 100);
  const problem = refused(await server.score(rows(101), '/score_batch'), 413, 'batch-too-large');
  assert.match(problem.detail, /101.*100/);
});

test('a body of MAX_BODY_BYTES is read, and a longer one is a 413', async () => {
  const exact = JSON.stringify(good);
  assert.equal((await server.score(exact + ' '.repeat(200_000 - exact.length))).status, 200);
  const answer = await server.score(exact + ' '.repeat(200_001 - exact.length));
  refused(answer, 413, 'body-too-large');
});

test('another type than JSON is a 415', async () => {
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'json',
    'text/json',
  ]) {
    refused(
      await server.request('/score', { body: JSON.stringify(good), headers: { 'Content-Type': type } }),
      415,
      'unsupported-media-type',
    );
  }
});

const QUERIES = [
  '?explain=lime',
  '?explain=',
  '?explain=shap&explain=shap',
  '?top_k=0',
  '?top_k=-1',
  '?top_k=1.5',
  '?top_k=1001',
  '?top_k=x',
  '?top_k=',
  '?top_k=3&top_k=3',
  '?top=3',
  '?__proto__=1',
  '?%00=%FF',
  '?explain=SHAP',
];
test('an unknown, repeated or wrong query parameter is a 400', async () => {
  for (const query of QUERIES) {
    for (const path of ['/score', '/score_batch'])
      refused(await server.score(path === '/score' ? good : [good], path + query), 400, 'invalid-query');
  }
});

test('what is repeated to the client is cut', async () => {
  for (const answer of [
    await server.score({ ...good, ['k'.repeat(50_000)]: 1 }),
    await server.score({ ...good, feature_names: names.map(() => 'n'.repeat(256)) }),
    await server.score(good, `/score?${'q'.repeat(2000)}=1`),
  ]) {
    assert.equal(answer.status, 400);
    assert(answer.text.length < 3000, `${answer.text.length} bytes`);
  }
});

test('a path that is none is a 404, for every method', async () => {
  for (const path of [
    '/',
    '/nope',
    '/score/',
    '/score/x',
    '/SCORE',
    '/score_batch/1',
    '//score',
    '/admin',
    '/admin/models',
    '/.env',
    '/%73core',
  ]) {
    for (const method of ['GET', 'POST', 'DELETE', 'PATCH'])
      refused(await server.request(path, { method, ...(method === 'POST' && { body: good }) }), 404, 'not-found');
  }
});

const ALLOWED: Readonly<Record<string, string>> = {
  '/score': 'POST',
  '/score_batch': 'POST',
  '/healthz': 'GET, HEAD',
  '/livez': 'GET, HEAD',
  '/readyz': 'GET, HEAD',
  '/metrics': 'GET, HEAD',
  '/openapi.json': 'GET, HEAD',
  '/docs': 'GET, HEAD',
};
test('a method that a route does not have is a 405 with Allow', async () => {
  for (const [path, allow] of Object.entries(ALLOWED)) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      if (allow.split(', ').includes(method)) continue;
      const answer = await server.request(path, { method });
      refused(answer, 405, 'method-not-allowed');
      assert.equal(answer.headers.allow, allow, `${method} ${path}`);
    }
  }
});

test('a refusal of HEAD has headers and no body, and leaves the connection in step', async () => {
  for (const [path, status] of [
    ['/score', 405],
    ['/nope', 404],
    ['/healthz', 200],
  ] as const) {
    const head = await server.request(path, { method: 'HEAD' });
    assert.equal(head.status, status, path);
    assert.equal(head.text, '');
    assert(Number(head.headers['content-length']) > 0);
    assert.equal((await server.request('/livez')).status, 200);
  }
});
