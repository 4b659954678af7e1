/** The S3 store: the contract of stores, and how it behaves on a slow, broken or lying server. */
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { openSource } from '../src/loading/open-source.js';
import { type S3RetryPolicy, createS3Client } from '../src/store/s3-client.js';
import { S3Store } from '../src/store/s3.js';
import { startFaultyServer, startS3Server } from './support/s3-server.js';
import { testStore } from './support/store-contract.js';

const BUCKET = 'fraud-models';
const RETRY: S3RetryPolicy = {
  connectMs: 300,
  answerMs: 300,
  silenceMs: 300,
  leastBytesPerSecond: 1_000,
  leastRateAfterMs: 600,
  attempts: 2,
};

testStore('s3', async (t) => {
  const server = await startS3Server(BUCKET);
  const store = new S3Store({ bucket: BUCKET, endpoint: server.endpoint });
  t.after(async () => {
    store.close();
    await server.close();
  });
  return {
    store,
    put: (path, content) => server.put(`models/${path}`, content),
    remove: async (path) =>
      void (await server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: `models/${path}` }))),
  };
});

test('s3: the prefix may be any other one, or empty', async (t) => {
  const server = await startS3Server(BUCKET);
  t.after(() => server.close());
  await server.put('v1.0.0/metadata.json', '{}');
  await server.put('team/v2.0.0/metadata.json', '{}');
  for (const [prefix, location, version] of [
    ['', `s3://${BUCKET}`, 'v1.0.0'],
    ['team', `s3://${BUCKET}/team`, 'v2.0.0'],
  ] as const) {
    const store = new S3Store({ bucket: BUCKET, prefix, endpoint: server.endpoint });
    assert.equal(store.location, location);
    assert((await store.versions()).includes(version));
    assert.deepEqual(
      (await store.files(version)).map(({ name }) => name),
      ['metadata.json'],
    );
    store.close();
  }
});

test('s3: a bucket that does not exist is unreachable, and the message names it', async (t) => {
  const server = await startS3Server(BUCKET);
  const store = new S3Store({ bucket: 'other-bucket', endpoint: server.endpoint });
  t.after(async () => {
    store.close();
    await server.close();
  });
  const expected = {
    code: 'STORE_UNREACHABLE',
    message:
      /^s3:\/\/other-bucket\/models\/(current\.json)?: the bucket does not exist \(S3 answered 404 NoSuchBucket\)$/,
  };
  await assert.rejects(store.versions(), expected);
  await assert.rejects(store.pointer(), expected);
});

/** A store on a server that responds by `answer`; `asked` counts its requests. */
async function faultyStore(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse, asked: number) => void,
): Promise<{ store: S3Store; asked: () => number }> {
  let asked = 0;
  const server = await startFaultyServer((request, response) => answer(request, response, ++asked));
  const store = new S3Store({ bucket: BUCKET, endpoint: server.endpoint, retry: RETRY });
  t.after(async () => {
    store.close();
    await server.close();
  });
  return { store, asked: () => asked };
}

const FILE = { name: 'lightgbm_model.txt', size: 10, fingerprint: '"abc"' };

function errorXml(code: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>told to</Message></Error>`;
}

test('s3: a server that does not listen is unreachable', async (t) => {
  const server = await startFaultyServer(() => undefined);
  await server.close();
  const store = new S3Store({ bucket: BUCKET, endpoint: server.endpoint, retry: RETRY });
  t.after(() => store.close());
  await assert.rejects(store.pointer(), {
    code: 'STORE_UNREACHABLE',
    message: /^s3:\/\/fraud-models\/models\/current\.json: .*ECONNREFUSED/,
  });
});

test('s3: a server error is retried, and unreachable when it persists', async (t) => {
  const { store, asked } = await faultyStore(t, (_, response, count) => {
    if (count === 2) response.end('{"version":"v1"}');
    else response.writeHead(500).end(errorXml('InternalError'));
  });
  assert.equal((await store.pointer())?.version, 'v1');
  await assert.rejects(store.pointer(), {
    code: 'STORE_UNREACHABLE',
    message: /told to \(S3 answered 500 InternalError\)$/,
  });
  assert.equal(asked(), 2 + RETRY.attempts);
});

test('s3: a denied request is unreachable without a retry, with the reason', async (t) => {
  const { store, asked } = await faultyStore(t, (_, response) => response.writeHead(403).end(errorXml('AccessDenied')));
  await assert.rejects(store.files('v1.0.0'), {
    code: 'STORE_UNREACHABLE',
    message: /access is denied \(S3 answered 403 AccessDenied\)$/,
  });
  assert.equal(asked(), 1);
});

test('s3: a server that never responds runs into the timeout', async (t) => {
  const { store, asked } = await faultyStore(t, () => undefined);
  await assert.rejects(store.pointer(), {
    code: 'STORE_UNREACHABLE',
    message: /current\.json: .*(timed out|requestTimeout)/,
  });
  assert.equal(asked(), RETRY.attempts);
});

test('s3: a request whose connection is reset is retried', async (t) => {
  const { store } = await faultyStore(t, (request, response, count) => {
    if (count === 1) request.socket.resetAndDestroy();
    else response.setHeader('etag', '"abc"').end('0123456789');
  });
  assert.equal(Buffer.from(await store.read('v1', FILE, 10)).toString(), '0123456789');
});

for (const [how, breakOff] of [
  ['is reset', (response: ServerResponse) => response.socket?.resetAndDestroy()],
  ['stalls', () => undefined],
] as const) {
  test(`s3: a download that ${how} halfway is retried, and unreachable when that persists`, async (t) => {
    const { store, asked } = await faultyStore(t, (_, response, count) => {
      response.writeHead(200, { etag: '"abc"', 'content-length': 10 });
      if (count === 2) response.end('0123456789');
      else response.write('01234', () => breakOff(response));
    });
    assert.equal(Buffer.from(await store.read('v1', FILE, 10)).toString(), '0123456789');
    assert.equal(asked(), 2);
    await assert.rejects(store.read('v1', FILE, 10), {
      code: 'STORE_UNREACHABLE',
      message: /^s3:\/\/fraud-models\/models\/v1\/lightgbm_model\.txt: /,
    });
  });
}

test('s3: the download of an object beyond the limit is aborted, not read to its end', async (t) => {
  let sent = 0;
  const { store } = await faultyStore(t, (_, response) => {
    response.writeHead(200, { etag: '"abc"' });
    const more = (): void => {
      for (;;) {
        sent += 65_536;
        if (response.destroyed || !response.write(Buffer.alloc(65_536))) break;
      }
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(store.read('v1', FILE, 1_000_000), {
    code: 'ARTIFACT_INVALID',
    message: /has more bytes than the limit of 1000000$/,
  });
  assert(sent < 20_000_000, `${sent} bytes were sent`);
});

test('s3: reads are pinned to the ETag of the listing', async (t) => {
  const pins: (string | undefined)[] = [];
  const { store } = await faultyStore(t, (request, response) => {
    pins.push(request.headers['if-match']);
    response.writeHead(412).end(errorXml('PreconditionFailed'));
  });
  await assert.rejects(store.read('v1', FILE, 10), {
    code: 'ARTIFACT_INVALID',
    message: /changed while the artifact was being read$/,
  });
  // A store that does not know its own ETag again is asked once more without, and the answer's ETag compared.
  assert.deepEqual(pins, ['"abc"', undefined]);
});

for (const [store, listed, sent] of [
  ['whose listings leave out the quotes', 'abc', '"abc"'],
  ['behind a proxy that marks ETags as weak', '"abc"', 'W/"abc"'],
  ['that never writes quotes', 'abc', 'abc'],
  ['that lists weak ETags', 'W/"abc"', '"abc"'],
  ['that sends no ETag with an object', '"abc"', undefined],
] as const) {
  test(`s3: an object of a store ${store} is read, and another one is refused`, async (t) => {
    let etag: string | undefined = sent;
    let body = '0123456789';
    const faulty = await faultyStore(t, (_, response) => {
      if (etag !== undefined) response.setHeader('etag', etag);
      response.end(body);
    });
    const file = { name: 'metadata.json', size: 10, fingerprint: listed };
    assert.equal(Buffer.from(await faulty.store.read('v1', file, 100)).toString(), body);
    if (etag === undefined) body = '01234567890';
    else etag = etag.replace('abc', 'def');
    await assert.rejects(faulty.store.read('v1', file, 100), /changed while the artifact was being read$/);
  });
}

test('s3: only S3 itself can say that there is no current.json', async (t) => {
  let answer: 'html' | 'nosuchkey' | 'bare' = 'html';
  const { store } = await faultyStore(t, (_, response) => {
    if (answer === 'html') response.writeHead(404, { 'content-type': 'text/html' }).end('<html>not found</html>');
    else if (answer === 'bare') response.writeHead(404, { 'x-amz-request-id': 'ABC' }).end();
    else response.writeHead(404, { 'x-amz-request-id': 'ABC' }).end(errorXml('NoSuchKey'));
  });
  await assert.rejects(store.pointer(), {
    code: 'STORE_UNREACHABLE',
    message: /what answers there with 404 is not S3: check AWS_ENDPOINT_URL/,
  });
  for (answer of ['nosuchkey', 'bare'] as const) assert.equal(await store.pointer(), undefined, answer);
});

test('s3: a download that drips is given up, once, and one that is slow but steady is read', async (t) => {
  let piece = 1;
  const { store, asked } = await faultyStore(t, (_, response) => {
    response.writeHead(200, { etag: '"abc"', 'content-length': 2000 });
    let sent = 0;
    const timer = setInterval(() => {
      sent += piece;
      response.write('x'.repeat(piece));
      if (sent >= 2000) response.end();
    }, 100);
    response.on('close', () => clearInterval(timer));
  });
  const file = { ...FILE, size: 2000 };
  await assert.rejects(store.read('v1', file, 10_000), {
    code: 'STORE_UNREACHABLE',
    message: /lightgbm_model\.txt: only \d bytes arrived in 1 s; the download was given up$/,
  });
  assert.equal(asked(), 1);
  piece = 200;
  assert.equal((await store.read('v1', file, 10_000)).length, 2000);
});

test('s3: a listing without end is given up', async (t) => {
  let page = 0;
  const { store } = await faultyStore(t, (_, response) => {
    response.setHeader('content-type', 'application/xml');
    response.end(
      `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${page++}</NextContinuationToken>` +
        '</ListBucketResult>',
    );
  });
  await assert.rejects(store.versions(), { code: 'STORE_UNREACHABLE', message: /the listing has no end$/ });
});

test('s3: what is wrong with an endpoint is said in one line', async (t) => {
  const before = process.env['AWS_ENDPOINT_URL_S3'];
  t.after(() => {
    if (before === undefined) Reflect.deleteProperty(process.env, 'AWS_ENDPOINT_URL_S3');
    else process.env['AWS_ENDPOINT_URL_S3'] = before;
  });
  process.env['AWS_ENDPOINT_URL_S3'] = '127.0.0.1:9000';
  assert.throws(() => createS3Client(), {
    code: 'CONFIG_INVALID',
    message: 'AWS_ENDPOINT_URL_S3: "127.0.0.1:9000" does not begin with http:// or https://',
  });
  const { store } = await faultyStore(t, (_, response) => {
    response.writeHead(403, { 'x-amz-request-id': 'ABC' }).end(errorXml('RequestTimeTooSkewed'));
  });
  await assert.rejects(store.pointer(), /the clock of this machine and the store's differ/);
});

test('s3: MODEL_S3_ADDRESSING says where the bucket is named', () => {
  const endpoint = 'http://127.0.0.1:9';
  for (const [addressing, forced] of [
    ['auto', true],
    ['path', true],
    ['virtual', false],
  ] as const)
    assert.equal(createS3Client({ endpoint, addressing }).config.forcePathStyle, forced, addressing);
  assert.equal(createS3Client({ addressing: 'path' }).config.forcePathStyle, true);
});

test('s3: an unchanged pointer costs a conditional request', async (t) => {
  const { store } = await faultyStore(t, (request, response) => {
    if (request.headers['if-none-match'] === '"one"') response.writeHead(304).end();
    else response.setHeader('etag', '"one"').end('{"version":"v1.0.0"}');
  });
  const first = await store.pointer();
  assert.deepEqual([first?.version, first?.fingerprint], ['v1.0.0', '"one"']);
  assert.equal(await store.pointer(first), first);
});

test('s3: a listing is followed over all its pages', async (t) => {
  const page = (version: string, next?: string): string =>
    `<IsTruncated>${next !== undefined}</IsTruncated>` +
    (next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`) +
    `<CommonPrefixes><Prefix>models/${version}/</Prefix></CommonPrefixes>`;
  const pages: Record<string, string> = {
    '': page('v1.0.0', '2'),
    '2': page('v1.1.0', '3'),
    '3': page('v1.2.0'),
  };
  const { store, asked } = await faultyStore(t, (request, response) => {
    const token = new URL(request.url ?? '', 'http://s3').searchParams.get('continuation-token') ?? '';
    response.end(`<?xml version="1.0"?><ListBucketResult>${pages[token]}</ListBucketResult>`);
  });
  assert.deepEqual(await store.versions(), ['v1.0.0', 'v1.1.0', 'v1.2.0']);
  assert.equal(asked(), 3);
});

test("s3: only a bucket is needed; region and endpoint are the SDK's settings or its defaults", async (t) => {
  const names = [
    'AWS_REGION',
    'AWS_DEFAULT_REGION',
    'AWS_PROFILE',
    'AWS_ENDPOINT_URL_S3',
    'AWS_ENDPOINT_URL',
    'AWS_CONFIG_FILE',
  ];
  const before = names.map((name) => [name, process.env[name]] as const);
  t.after(() => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });
  for (const name of names) Reflect.deleteProperty(process.env, name);
  process.env['AWS_CONFIG_FILE'] = '/dev/null';
  const plain = createS3Client();
  assert.equal(await plain.config.region(), 'us-east-1');
  assert.equal(plain.config.forcePathStyle, false);
  process.env['AWS_REGION'] = 'ca-central-1';
  assert.equal(await createS3Client().config.region(), 'ca-central-1');

  const server = await startS3Server(BUCKET);
  t.after(() => server.close());
  await server.put('models/v1.0.0/metadata.json', '{}');
  process.env['AWS_ENDPOINT_URL_S3'] = server.endpoint;
  const store = await openSource({ kind: 's3', bucket: BUCKET, prefix: 'models/', addressing: 'auto' });
  assert.deepEqual(await store.versions(), ['v1.0.0']);
  store.close();
});
