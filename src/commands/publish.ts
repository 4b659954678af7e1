/** `lightscore publish`: uploads an artifact to an S3 bucket. */
import { Command } from 'commander';
import { readPrivateKey } from '../artifact/integrity.js';
import { LightscoreError } from '../errors.js';
import { createS3Client } from '../store/s3-client.js';
import { publish } from '../train/publish.js';
import { parseS3Address } from '../store/s3-address.js';
import { type EncryptionFlags, encryptionOf, withEncryption } from './encryption.js';
import { type JsonFlag, type Outcome, printOutcome, withJson } from './output.js';

interface PublishFlags extends JsonFlag, EncryptionFlags {
  readonly to: string;
  readonly activate: boolean;
  readonly key?: string;
}

export function publishCommand(): Command {
  const command = new Command('publish')
    .summary('upload an artifact to an S3 bucket')
    .description('upload a trained model to an S3 bucket, where `lightscore serve` finds it')
    .argument('<folder>', 'folder of the artifact, named after its version, such as models/v1.2.0')
    .requiredOption('--to <s3 address>', 'location of the versions: s3://bucket/prefix')
    .option('--activate', 'make it the version to serve (writes current.json beside the versions)', false)
    .option('--key <file>', 'Ed25519 private key, PEM: signs the current.json of --activate')
    .addHelpText(
      'after',
      `
The metadata is uploaded last, so that a server polling the bucket sees the whole version or none. A published version
is never overwritten. To resume an interrupted upload, run the same command again.

Credentials, region and endpoint are the AWS SDK's own settings (AWS_REGION, AWS_ENDPOINT_URL_S3, ...).

Example:
  $ lightscore publish models/v1.2.0 --to s3://fraud-models/models --sse AES256 --activate
`,
    );
  return withJson(withEncryption(command)).action((folder: string, flags: PublishFlags) =>
    printOutcome(flags, () => runPublish(folder, flags)),
  );
}

async function runPublish(folder: string, flags: PublishFlags): Promise<Outcome> {
  const to = parseS3Address(flags.to);
  if (to === undefined)
    throw new LightscoreError('USAGE', `--to ${flags.to}: must be an s3:// address, such as s3://bucket/models`);
  if (flags.key !== undefined && !flags.activate)
    throw new LightscoreError('USAGE', '--key signs the current.json of --activate; lightscore sign signs a version');
  const pointerKey = flags.key === undefined ? undefined : readPrivateKey(flags.key);
  const client = createS3Client();
  try {
    const { version, uploaded, resumed } = await publish(client, folder, {
      to,
      activate: flags.activate,
      ...(pointerKey !== undefined && { pointerKey }),
      report: (line) => {
        if (!flags.json) process.stdout.write(`${line}\n`);
      },
      ...encryptionOf(flags),
    });
    return {
      result: { version, to: flags.to, uploaded, resumed, activated: flags.activate },
      // Each file was reported when it was sent.
      text: '',
    };
  } finally {
    client.destroy();
  }
}
