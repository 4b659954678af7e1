/**
 * An S3 protocol server on a loopback port with one bucket of models: node s3.mjs PORT BUCKET MODELS_FOLDER; ends with
 * its standard input.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import S3rver from 's3rver';

const [port, bucket, models] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'lightscore-container-s3-'));
const listening = async (onPort) => {
  const server = new S3rver({
    address: '127.0.0.1',
    port: onPort,
    silent: true,
    directory,
    vhostBuckets: false,
    configureBuckets: [{ name: bucket }],
  });
  const { port: taken } = await server.run();
  return { server, endpoint: `http://127.0.0.1:${taken}` };
};

// Filled on a port that nobody knows yet: who waits for PORT finds the bucket complete.
const filling = await listening(0);
const client = new S3Client({
  region: 'us-east-1',
  endpoint: filling.endpoint,
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
});
for (const version of readdirSync(models)) {
  for (const file of readdirSync(join(models, version))) {
    await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: `models/${version}/${file}`,
        Body: readFileSync(join(models, version, file)),
      }),
    );
  }
}
client.destroy();
await filling.server.close();

await listening(Number(port));
process.stdin.resume().once('end', () => {
  rmSync(directory, { recursive: true });
  process.exit(0);
});
