/** How the routes read a request's path, query and body, and what they say where they refuse one. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test, type TestContext } from 'node:test';
import { ADMIN_KEY, type AdministeredServer, startAdministered } from './support/administration.js';
import { readGolden } from './support/golden.js';
import { Answer, type ServerProcess } from './support/server.js';
import { SEVERAL } from './support/several-acceptors.js';
import { onBothTransports } from './support/transports.js';

const good = { features: readGolden().rows[0] };
const BUILD = 'v1.1.0+build.7';

interface Paths {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

const [major, minor] = process.versions.node.split('.').map(Number);
/** Whether Node's own sockets can share a port. */
const SHARES_PORTS = major > 22 || (major === 22 && minor >= 12);

/** A request whose path goes as it is: a client of URLs resolves dots, encoded or not. */
function requestAsIs(server: ServerProcess, method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.port, method, path, headers: { 'X-API-Key': ADMIN_KEY } };
    const outgoing = httpRequest(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () =>
        resolve(new Answer(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks).toString())),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const experiment = (fields: object): object => ({ version: 'v1.1.0', mode: 'ab', share: 0.1, ...fields });

onBothTransports('requests', (transport) => {
  const start = (t: TestContext, env = {}): Promise<AdministeredServer> =>
    startAdministered(t, { TRANSPORT: transport, ...env }, async (store) => {
      await store.copy('v1.1.0', BUILD);
      await store.point('v1.0.0');
    });

  test('a version in a path is decoded once, before it is validated', async (t) => {
    const { admin, served } = await start(t);
    for (const spelling of [BUILD, 'v1.1.0%2Bbuild.7', 'v1.1.0%2bbuild.7', '%76%31.1%2E0+build%2e7']) {
      const loaded = await admin('POST', `/models/${spelling}/load`);
      assert.deepEqual([loaded.status, loaded.json['version']], [200, BUILD], spelling);
    }
    assert.equal((await admin('POST', '/models/v1.1.0%2Bbuild.7/activate')).json['champion'], BUILD);
    assert.equal(await served(), BUILD);
    assert.equal((await admin('POST', '/models/v1%2E0.0/activate')).json['champion'], 'v1.0.0');
    assert.equal((await admin('DELETE', '/models/v1.1.0%2Bbuild.7')).json['outcome'], 'deleted');
  });

  test('a path whose version is none stays refused, however it is written', async (t) => {
    const { server } = await start(t);
    const refused = [
      '..',
      '.',
      '%2e%2e',
      '%2E.',
      '..%2fv1.0.0',
      'v1.0.0%2f',
      '%2F',
      '%5c',
      '%',
      'v1.0.0%',
      'v1.0.0%2',
      '%zz',
    ];
    for (const segment of [...refused, '%00', '%252e%252e', 'v1.1.0%252Bbuild.7', '%ff', '%C3%A9', 'v1.0.0%20']) {
      for (const action of ['load', 'activate']) {
        const answer = await requestAsIs(server, 'POST', `/admin/models/${segment}/${action}`);
        assert.deepEqual([answer.status, answer.problem.title], [404, 'No such version'], segment);
        assert.match(answer.problem.detail, /is not a valid version name$/, segment);
      }
      assert.equal((await requestAsIs(server, 'DELETE', `/admin/models/${segment}`)).status, 404, segment);
    }
  });

  test('every route refuses query parameters that it does not take, behind the check of its key', async (t) => {
    const { server } = await start(t, { METRICS_AUTH: '1', API_KEYS: 'client:a-key-of-a-client-1234' });
    const keys = { admin: ADMIN_KEY, scoring: 'a-key-of-a-client-1234' };
    const { paths }: Paths = JSON.parse((await server.request('/openapi.json')).text);
    let routes = 0;
    for (const [template, methods] of Object.entries(paths)) {
      const path = template.replace('{version}', 'v1.0.0');
      const key = path.startsWith('/admin') || path === '/metrics' ? keys.admin : keys.scoring;
      for (const method of Object.keys(methods)) {
        routes++;
        const options = {
          method: method.toUpperCase(),
          headers: { 'X-API-Key': key },
          ...(['post', 'put'].includes(method) && { body: path.startsWith('/admin') ? experiment({}) : good }),
        };
        for (const query of ['?x=1', '?__proto__=1', '?%78', '?version=v1.0.0&version=v1.0.0']) {
          const answer = await server.request(path + query, options);
          if (method === 'head') {
            assert.equal(answer.status, 400, method + path);
            continue;
          }
          assert.deepEqual([answer.status, answer.problem.title], [400, 'Invalid query parameter'], method + path);
          assert.match(answer.problem.detail, /unknown query parameter ".*"; |appears twice$/, method + path);
        }
        if (key === keys.admin || path.startsWith('/score'))
          assert.equal((await server.request(`${path}?x=1`, { ...options, headers: {} })).status, 401, path);
      }
    }
    assert.ok(routes >= 18, `${routes} routes`);
    for (const path of ['/livez', '/readyz?', '/healthz?&', '/docs', '/openapi.json'])
      assert.equal((await server.request(path)).status, 200, path);
    assert.equal((await server.request('/livez?x=1', { method: 'HEAD' })).status, 400);
  });

  test('a refused query names what the route takes', async (t) => {
    const { server, admin } = await start(t);
    const detail = async (method: string, path: string) => (await admin(method, path)).problem.detail;
    assert.equal(
      (await server.request('/livez?x=1')).problem.detail,
      'unknown query parameter "x"; this route takes none',
    );
    assert.equal(await detail('POST', '/reload?dry=1'), 'unknown query parameter "dry"; this route takes none');
    assert.equal(
      await detail('POST', '/models/v1.1.0/activate?force=1'),
      'unknown query parameter "force"; the only parameter is allow_feature_change',
    );
    assert.equal(
      await detail('POST', '/models/v1.1.0/activate?allow_feature_change=yes'),
      'allow_feature_change must be 0 or 1, not "yes"',
    );
    assert.equal(await detail('POST', '/experiment/promote?version='), 'version must be the name of a version, not ""');
  });

  test('the body of an experiment is explained with its own fields and values', async (t) => {
    const { admin } = await start(t);
    const name = 'the name of a version (letters, digits and . _ + - after a first letter or digit)';
    const fields = 'version, mode, share and replaces';
    const refusals: [body: object, pointer: string, detail: string][] = [
      [experiment({ x: 1 }), '/x', `The body has an unknown field "x"; the fields are ${fields}`],
      [experiment({ mode: 'AB' }), '/mode', 'mode must be ab or shadow, not "AB"'],
      [experiment({ mode: null }), '/mode', 'mode must be a string, not null'],
      [experiment({ share: 1.5 }), '/share', 'share must be from 0 to 1, not 1.5'],
      [experiment({ share: -1 }), '/share', 'share must be from 0 to 1, not -1'],
      [experiment({ share: '1' }), '/share', 'share must be a number, not a string'],
      [experiment({ version: '' }), '/version', `version must be ${name}, not ""`],
      [experiment({ version: '../x' }), '/version', `version must be ${name}, not "../x"`],
      [experiment({ replaces: '' }), '/replaces', `replaces must be ${name}, not ""`],
      [{ version: 'v1.1.0', mode: 'ab' }, '/share', 'share is missing'],
    ];
    for (const [body, pointer, detail] of refusals) {
      const { status, problem } = await admin('PUT', '/experiment', body);
      assert.deepEqual(
        [status, problem.title, problem.detail, problem.errors],
        [400, 'Invalid body', detail, [{ pointer, detail }]],
      );
    }
  });

  test('a body that is not called JSON is a 415, as for scoring', async (t) => {
    const { server } = await start(t);
    const put = (type: string | undefined) =>
      server.request('/admin/experiment', {
        method: 'PUT',
        headers: { 'X-API-Key': ADMIN_KEY, 'Content-Type': type },
        body: experiment({}),
      });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      const answer = await put(type);
      assert.deepEqual([answer.status, answer.problem.title], [415, 'Not JSON'], type);
    }
    for (const type of [
      'application/json; charset=utf-8',
      'application/merge-patch+json',
      'Application/JSON',
      undefined,
    ])
      assert.equal((await put(type)).status, 200, String(type));
  });

  test('feature_names: [] is as absent', async (t) => {
    const { server } = await start(t);
    const [plain, empty] = [await server.score(good), await server.score({ ...good, feature_names: [] })];
    assert.equal(empty.status, 200, empty.text);
    assert.equal(empty.scored.confidence_score, plain.scored.confidence_score);
    assert.deepEqual(empty.scored.top_features, plain.scored.top_features);
    const batch = await server.score([{ ...good, feature_names: [] }, good], '/score_batch');
    assert.deepEqual(
      batch.scoredBatch.map(({ confidence_score: score }) => score),
      [plain.scored.confidence_score, plain.scored.confidence_score],
    );
    const short = await server.score({ features: [1], feature_names: [] });
    assert.equal(short.problem.detail, 'Expected 15 features');
  });

  test('a promotion and an experiment may name the challenger that they expect', async (t) => {
    const { admin, served } = await start(t);
    const told = async (method: string, path: string, body?: object) => {
      const answer = await admin(method, path, body);
      return [answer.status, String(answer.json['detail'])];
    };
    const put = (fields: object) => told('PUT', '/experiment', experiment(fields));
    assert.deepEqual(await put({ replaces: 'v1.1.0' }), [
      409,
      'no experiment is running, expected v1.1.0: nothing was changed',
    ]);
    assert.deepEqual(await told('POST', '/experiment/promote?version=v1.1.0'), [
      409,
      'no experiment is running, expected v1.1.0: nothing was changed',
    ]);
    assert.equal((await put({ replaces: null }))[0], 200);
    assert.deepEqual(await put({ version: BUILD, replaces: null }), [
      409,
      'the challenger is v1.1.0, expected none: nothing was changed',
    ]);
    assert.deepEqual(await put({ version: BUILD, replaces: BUILD }), [
      409,
      `the challenger is v1.1.0, expected ${BUILD}: nothing was changed`,
    ]);
    assert.equal((await put({ share: 0.2, replaces: 'v1.1.0' }))[0], 200);
    assert.equal((await put({ version: BUILD, replaces: 'v1.1.0' }))[0], 200);
    assert.deepEqual(await told('POST', '/experiment/promote?version=v1.1.0'), [
      409,
      `the challenger is ${BUILD}, expected v1.1.0: nothing was changed`,
    ]);
    assert.equal(await served(), 'v1.0.0');
    assert.equal((await told('POST', '/experiment/promote?version=v1.1.0%2Bbuild.7'))[0], 200);
    assert.equal(await served(), BUILD);
  });

  for (const [acceptors, env] of [
    ['one acceptor', { ACCEPTORS: '1' }],
    ['several acceptors', SEVERAL],
  ] as const) {
    const skip = transport === 'node' && env.ACCEPTORS !== '1' && !SHARES_PORTS && 'needs Node 22.12 or later';
    test(`wrong keys are limited per address on every route with a key, with ${acceptors}`, { skip }, async (t) => {
      const limit = 2;
      const { server } = await start(t, {
        ...env,
        METRICS_AUTH: '1',
        API_KEYS: 'client:a-key-of-a-client-1234',
        RATE_LIMIT: String(limit),
        TRUST_PROXY: '1',
      });
      const guess = (path: string, method: string, address: string) =>
        Promise.all(
          Array.from({ length: 30 }, (_, i) =>
            server.request(path, {
              method,
              headers: { 'X-API-Key': `guess${i}`, 'X-Forwarded-For': address },
              ...(method === 'POST' && { body: good }),
              ownConnection: true,
            }),
          ),
        );
      for (const [i, [method, path]] of [
        ['POST', '/score'],
        ['POST', '/score_batch'],
        ['GET', '/metrics'],
        ['GET', '/admin/models'],
        ['POST', '/admin/reload'],
      ].entries()) {
        const answers = await guess(path, method, `192.0.2.${i}`);
        const tried = answers.filter(({ status }) => status === 401).length;
        const refused = answers.filter(({ status }) => status === 429);
        assert.equal(tried + refused.length, 30, path);
        // The limit is of a second, and a window or two may have begun meanwhile.
        assert.ok(tried >= limit && tried <= 4 * limit, `${path}: ${tried} keys were tried`);
        for (const { headers } of refused) assert.equal(headers['retry-after'], '1');
      }
      const scrape = { headers: { 'X-API-Key': ADMIN_KEY, 'X-Forwarded-For': '192.0.2.2' } };
      for (const answer of await Promise.all(Array.from({ length: 10 }, () => server.request('/metrics', scrape))))
        assert.equal(answer.status, 200, 'a right key is not limited by wrong ones of its address');
    });
  }
});
