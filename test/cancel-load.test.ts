/** A load that waits for a slow store is cancelled: its caller is told, what serves goes on, the next load works. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from './support/cli-process.js';
import { S3_CREDENTIALS, startFaultyServer } from './support/s3-server.js';
import { MODELS, startServer } from './support/server.js';

const KEY = 'adminkey-123456789';
const headers = { 'X-API-Key': KEY };

/** Lists and sends the demo's versions; the model of v1.1.0 never arrives while `isSlow`. */
async function startSlowStore(): Promise<{ endpoint: string; close: () => Promise<void>; isSlow: boolean }> {
  const state = { isSlow: true, endpoint: '', close: () => Promise.resolve() };
  const list = (prefix: string, response: ServerResponse): void => {
    const version = /^models\/(v[\d.]+)\/$/.exec(prefix)?.[1];
    const names = version === undefined ? [] : readdirSync(join(MODELS, version));
    const contents = names.map(
      (name) =>
        `<Contents><Key>${prefix}${name}</Key><ETag>"${name}"</ETag>` +
        `<Size>${readFileSync(join(MODELS, version ?? '', name)).length}</Size></Contents>`,
    );
    response
      .setHeader('content-type', 'application/xml')
      .end(`<ListBucketResult>${contents.join('')}</ListBucketResult>`);
  };
  const server = await startFaultyServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://store');
    const [, , , version, name] = url.pathname.split('/');
    if (url.searchParams.has('list-type')) return list(url.searchParams.get('prefix') ?? '', response);
    if (name === undefined) {
      response.writeHead(404, { 'x-amz-request-id': 'A' }).end('<Error><Code>NoSuchKey</Code></Error>');
      return;
    }
    const bytes = readFileSync(join(MODELS, version, name));
    response.setHeader('etag', `"${name}"`).setHeader('content-length', bytes.length);
    if (!(state.isSlow && version === 'v1.1.0' && name === 'lightgbm_model.txt')) response.end(bytes);
    else response.write(bytes.subarray(0, 10));
  });
  return Object.assign(state, server);
}

test('a load is cancelled wherever it is, and leaves nothing behind', async (t) => {
  const store = await startSlowStore();
  t.after(() => store.close());
  const server = await startServer({
    ...S3_CREDENTIALS,
    AWS_ENDPOINT_URL_S3: store.endpoint,
    AWS_REGION: 'us-east-1',
    MODEL_DIR: undefined,
    MODEL_S3_BUCKET: 'fraud',
    ADMIN_API_KEYS: `ops:${KEY}`,
  });
  t.after(() => server.stop());
  const idle = await server.request('/admin/load', { method: 'DELETE', headers });
  assert.deepEqual([idle.status, idle.json['detail']], [409, 'no load is under way']);
  const memory = await server.metric('lightscore_shared_memory_bytes', '{kind="used"}');

  const load = server.request('/admin/models/v1.1.0/load', { method: 'POST', headers });
  const underWay = async () => (await server.request('/admin/models', { headers })).json['under_way'];
  while ((await underWay()) === null);
  const cancelled = await server.request('/admin/load', { method: 'DELETE', headers });
  assert.equal(cancelled.status, 200, cancelled.text);
  assert.equal(cancelled.json['outcome'], 'cancelled');
  assert.equal(cancelled.json['version'], 'v1.1.0');
  assert.equal(cancelled.json['champion'], 'v1.0.0');
  const refused = await load;
  assert.deepEqual([refused.status, refused.json['detail']], [409, 'a load of v1.1.0 was cancelled by key:ops']);
  assert.equal((await server.request('/healthz')).json['model_version'], 'v1.0.0');
  const after = await server.metric('lightscore_shared_memory_bytes', '{kind="used"}');
  assert.equal(after, memory);
  await server.log(({ audit, outcome }) => audit === 'cancel' && outcome === 'done');

  const second = server.request('/admin/models/v1.1.0/load', { method: 'POST', headers });
  while ((await underWay()) === null);
  const printed = await runCli(['models', 'cancel', '--url', server.url], { env: { LIGHTSCORE_ADMIN_KEY: KEY } });
  assert.equal(printed.code, 0, printed.stderr);
  assert.match(printed.stdout, /a load of v1\.1\.0 was cancelled/);
  assert.equal((await second).status, 409);

  store.isSlow = false;
  const third = await server.request('/admin/models/v1.1.0/load', { method: 'POST', headers });
  assert.deepEqual([third.status, third.json['outcome']], [200, 'loaded']);
});
