/** The flags of commands that write to a bucket: server-side encryption. */
import { type Command, Option } from 'commander';
import { LightscoreError } from '../errors.js';
import type { Encryption } from '../train/upload.js';

export interface EncryptionFlags {
  readonly sse?: Encryption['algorithm'];
  readonly kmsKey?: string;
}

export function withEncryption(command: Command): Command {
  return command
    .addOption(new Option('--sse <algorithm>', 'server-side encryption').choices(['AES256', 'aws:kms']))
    .option('--kms-key <id>', 'key for --sse aws:kms (default: the key of the bucket)');
}

/** @throws LightscoreError USAGE if the flags contradict each other */
export function encryptionOf({ sse, kmsKey }: EncryptionFlags): { encryption?: Encryption } {
  if (kmsKey !== undefined && sse !== 'aws:kms') throw new LightscoreError('USAGE', '--kms-key needs --sse aws:kms');
  if (sse === undefined) return {};
  return { encryption: { algorithm: sse, ...(kmsKey === undefined ? {} : { kmsKey }) } };
}
