/** `lightscore publish`: uploads an artifact to an S3 bucket. */
import { Command, Option } from 'commander';

import { LightscoreError } from '../errors.js';
import { createS3Client } from '../store/s3-client.js';
import { type Encryption, publish } from '../train/publish.js';
import { parseS3Address } from '../train/s3-address.js';
import { type JsonFlag, type Outcome, printOutcome, withJson } from './output.js';

interface PublishFlags extends JsonFlag {
  readonly to: string;
  readonly activate: boolean;
  readonly sse?: Encryption['algorithm'];
  readonly kmsKey?: string;
}

export function publishCommand(): Command {
  const command = new Command('publish')
    .summary('upload an artifact to an S3 bucket')
    .description('upload a trained model to an S3 bucket, where `lightscore serve` finds it')
    .argument('<folder>', 'folder of the artifact, named after its version, such as models/v1.2.0')
    .requiredOption('--to <s3 address>', 'location of the versions: s3://bucket/prefix')
    .option('--activate', 'make it the version to serve (writes current.json beside the versions)', false)
    .addOption(new Option('--sse <algorithm>', 'server-side encryption').choices(['AES256', 'aws:kms']))
    .option('--kms-key <id>', 'key for --sse aws:kms (default: the key of the bucket)')
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
  return withJson(command).action((folder: string, flags: PublishFlags) =>
    printOutcome(flags, () => runPublish(folder, flags)),
  );
}

async function runPublish(folder: string, flags: PublishFlags): Promise<Outcome> {
  const to = parseS3Address(flags.to);
  if (to === undefined)
    throw new LightscoreError('USAGE', `--to ${flags.to}: must be an s3:// address, such as s3://bucket/models`);
  const client = createS3Client();
  try {
    const { version, uploaded, resumed } = await publish(client, folder, {
      to,
      activate: flags.activate,
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

function encryptionOf({ sse, kmsKey }: PublishFlags): { encryption?: Encryption } {
  if (kmsKey !== undefined && sse !== 'aws:kms') throw new LightscoreError('USAGE', '--kms-key needs --sse aws:kms');
  if (sse === undefined) return {};
  return { encryption: { algorithm: sse, ...(kmsKey === undefined ? {} : { kmsKey }) } };
}
