/** An S3 server in this process. */
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import { createS3Client } from '../../src/store/s3-client.js';

/** What s3rver accepts; the SDK looks for credentials in the environment. */
export const S3_CREDENTIALS = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };

export interface S3Server {
  readonly endpoint: string;
  readonly client: S3Client;
  readonly put: (key: string, body: string | Uint8Array) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A real S3 protocol server with one bucket, in this process, on a free port of the loopback interface. */
export async function startS3Server(bucket: string): Promise<S3Server> {
  Object.assign(process.env, S3_CREDENTIALS);
  const directory = await mkdtemp(join(tmpdir(), 'lightscore-s3-'));
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    allowMismatchedSignatures: false,
    vhostBuckets: false,
    configureBuckets: [{ name: bucket }],
  });
  const { port } = await server.run();
  const endpoint = `http://127.0.0.1:${port}`;
  const client = createS3Client({ endpoint });
  return {
    endpoint,
    client,
    async put(key, body) {
      await client.send(
        new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentLength: Buffer.byteLength(body) }),
      );
    },
    async close() {
      client.destroy();
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** An HTTP server that answers as `listener` says, for what no S3 server does on request: faults. */
export async function startFaultyServer(
  listener: RequestListener,
): Promise<{ endpoint: string; close: () => Promise<void> }> {
  Object.assign(process.env, S3_CREDENTIALS);
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}
