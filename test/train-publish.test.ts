/** Publishing artifacts to S3. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { S3Client } from '@aws-sdk/client-s3';

import { fetchArtifact } from '../src/loading/fetch.js';
import { createS3Client } from '../src/store/s3-client.js';
import { S3Store } from '../src/store/s3.js';
import { chooseVersion } from '../src/store/versions.js';
import { publish, type PublishOptions } from '../src/train/publish.js';
import { checksums } from '../src/train/write.js';
import { projectRoot } from './support/project.js';
import { type S3Server, startFaultyServer, startS3Server } from './support/s3-server.js';

const BUCKET = 'fraud-models';
const NOTHING = (): undefined => undefined;
let folder: string;
let server: S3Server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lightscore-publish-'));
  server = await startS3Server(BUCKET);
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** The reference artifact under another version, with checksums and a model card. */
async function artifact(version: string): Promise<string> {
  const target = join(folder, version);
  await mkdir(target);
  const source = join(projectRoot, 'test/data/models/v1.0.0');
  for (const name of ['lightgbm_model.txt', 'calibrator.pkl']) await cp(join(source, name), join(target, name));
  await writeFile(join(target, 'model_card.md'), `# ${version}\n`);
  const names = await readdir(target);
  const files = new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(target, name))] as const)),
  );
  const metadata: object = JSON.parse(await readFile(join(source, 'metadata.json'), 'utf8'));
  await writeFile(
    join(target, 'metadata.json'),
    JSON.stringify({ ...metadata, model_version: version, checksums: checksums(files) }),
  );
  return target;
}

function options(more: Partial<PublishOptions> & { readonly prefix: string }): PublishOptions {
  return { to: { bucket: BUCKET, prefix: more.prefix }, activate: false, report: NOTHING, ...more };
}

const store = (prefix: string): S3Store => new S3Store({ bucket: BUCKET, prefix, endpoint: server.endpoint });

test('a published version is fetched as it was; metadata is uploaded last, activation is on request', async () => {
  const lines: string[] = [];
  const { uploaded, resumed } = await publish(
    server.client,
    await artifact('v1.0.1'),
    options({ prefix: 'one/', activate: true, report: (line) => lines.push(line) }),
  );
  assert.deepEqual(uploaded, ['calibrator.pkl', 'lightgbm_model.txt', 'model_card.md', 'metadata.json']);
  assert.deepEqual(resumed, []);
  assert.equal(lines.at(-2), `published v1.0.1 at s3://${BUCKET}/one/v1.0.1/`);
  assert.equal(lines.at(-1), `v1.0.1 is now the version to serve (s3://${BUCKET}/one/current.json)`);

  const bucket = store('one/');
  assert.deepEqual(await chooseVersion(bucket).then(({ version, by }) => ({ version, by })), {
    version: 'v1.0.1',
    by: 'pointer',
  });
  const { modelText } = await fetchArtifact(bucket, 'v1.0.1', { requireChecksums: true });
  assert.deepEqual(Buffer.from(modelText), await readFile(join(folder, 'v1.0.1/lightgbm_model.txt')));
  bucket.close();
});

test('a published version is never overwritten', async () => {
  const made = await artifact('v1.0.2');
  await publish(server.client, made, options({ prefix: 'two/' }));
  await assert.rejects(publish(server.client, made, options({ prefix: 'two/', activate: true })), {
    code: 'VERSION_EXISTS',
    message:
      `version v1.0.2 is already published at s3://${BUCKET}/two/v1.0.2/, ` +
      'and a published version is never overwritten',
  });
  const bucket = store('two/');
  assert.equal(await bucket.pointer(), undefined);
  bucket.close();
});

/** A proxy in front of the S3 server that passes on this number of uploads and then resets every connection. */
async function startCuttingProxy(uploads: number): Promise<{ client: S3Client; close: () => Promise<void> }> {
  const target = new URL(server.endpoint);
  let left = uploads;
  const sockets = new Set<Socket>();
  const proxy = createServer((inbound) => {
    const outbound = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
    }
    outbound.on('data', (chunk) => inbound.write(chunk));
    inbound.on('data', (chunk) => {
      if (chunk.toString('latin1').startsWith('PUT ') && left-- <= 0) inbound.resetAndDestroy();
      else outbound.write(chunk);
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const client = createS3Client({ endpoint: `http://127.0.0.1:${address.port}`, retry: { attempts: 2 } });
  return {
    client,
    close: async () => {
      client.destroy();
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

test('an interrupted upload leaves no version, and publishing again resumes it', async () => {
  const made = await artifact('v1.0.3');
  const { client, close } = await startCuttingProxy(2);
  await assert.rejects(publish(client, made, options({ prefix: 'three/' })), {
    code: 'STORE_UNREACHABLE',
    message: new RegExp(`^s3://${BUCKET}/three/v1\\.0\\.3/model_card\\.md: `),
  });
  await close();
  const bucket = store('three/');
  await assert.rejects(chooseVersion(bucket), { code: 'VERSION_NOT_FOUND' });

  // Files that are new since then are sent too.
  await writeFile(join(made, 'extra.md'), 'not in the checksums');
  const { uploaded, resumed } = await publish(server.client, made, options({ prefix: 'three/' }));
  assert.deepEqual(resumed, ['calibrator.pkl', 'lightgbm_model.txt']);
  assert.deepEqual(uploaded, ['extra.md', 'model_card.md', 'metadata.json']);
  assert.equal((await chooseVersion(bucket)).version, 'v1.0.3');
  bucket.close();
});

test('a file of another model that an earlier attempt left is replaced', async () => {
  const made = await artifact('v1.0.4');
  await server.put('four/v1.0.4/lightgbm_model.txt', 'another model');
  const { uploaded } = await publish(server.client, made, options({ prefix: 'four/' }));
  assert.ok(uploaded.includes('lightgbm_model.txt'));
  const bucket = store('four/');
  await fetchArtifact(bucket, 'v1.0.4', { requireChecksums: true });
  bucket.close();
});

test('encryption, checksum and the condition that the version is new are sent with the upload', async () => {
  const made = await artifact('v1.0.5');
  const puts: Record<string, string | string[] | undefined>[] = [];
  const { endpoint, close } = await startFaultyServer((request, response) => {
    request.resume().on('end', () => {
      if (request.method === 'PUT') puts.push({ url: request.url, ...request.headers });
      response.setHeader('content-type', 'application/xml');
      response.end(
        request.method === 'GET'
          ? '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
          : '',
      );
    });
  });
  const client = createS3Client({ endpoint });
  await publish(client, made, options({ prefix: '', encryption: { algorithm: 'aws:kms', kmsKey: 'key-1' } }));
  client.destroy();
  await close();
  assert.equal(puts.length, 4);
  for (const put of puts) {
    assert.equal(put['x-amz-server-side-encryption'], 'aws:kms');
    assert.equal(put['x-amz-server-side-encryption-aws-kms-key-id'], 'key-1');
    assert.equal(Buffer.from(String(put['x-amz-checksum-sha256']), 'base64').toString('hex'), put['x-amz-meta-sha256']);
  }
  assert.deepEqual(
    puts.map((put) => put['if-none-match']),
    [undefined, undefined, undefined, '*'],
  );
});

test('of two uploads at the same time, the first to write the metadata wins', async () => {
  const made = await artifact('v1.0.6');
  const { endpoint, close } = await startFaultyServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/xml');
      if (request.method === 'GET')
        response.end('<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
      else response.writeHead(request.headers['if-none-match'] === '*' ? 412 : 200).end();
    });
  });
  const client = createS3Client({ endpoint });
  await assert.rejects(publish(client, made, options({ prefix: '', activate: true })), {
    code: 'VERSION_EXISTS',
    message: `s3://${BUCKET}/v1.0.6/metadata.json already exists, and a published version is never overwritten`,
  });
  client.destroy();
  await close();
});

test('an artifact that is incomplete, altered, or not named after its version is not uploaded', async () => {
  const altered = await artifact('v1.0.7');
  await writeFile(join(altered, 'model_card.md'), 'altered');
  await assert.rejects(publish(server.client, altered, options({ prefix: 'bad/' })), {
    code: 'ARTIFACT_INVALID',
    message: /model_card\.md: has SHA-256 .* but metadata\.json says/,
  });
  await rm(join(altered, 'lightgbm_model.txt'));
  await assert.rejects(publish(server.client, altered, options({ prefix: 'bad/' })), {
    code: 'ARTIFACT_INVALID',
    message: /lightgbm_model\.txt: is missing/,
  });

  const renamed = await artifact('v1.0.8');
  await cp(renamed, join(folder, 'v1.0.9'), { recursive: true });
  await assert.rejects(publish(server.client, join(folder, 'v1.0.9'), options({ prefix: 'bad/' })), {
    code: 'ARTIFACT_INVALID',
    message: /metadata\.json: model_version is "v1\.0\.8", but the folder is named "v1\.0\.9"$/,
  });
  await assert.rejects(publish(server.client, join(folder, 'v9.9.9'), options({ prefix: 'bad/' })), {
    code: 'VERSION_NOT_FOUND',
  });
  const bucket = store('bad/');
  assert.deepEqual(await bucket.versions(), []);
  bucket.close();
});
