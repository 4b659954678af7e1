/** Proves the chain of an audit trail from its first entry to its last. */
import { createReadStream } from 'node:fs';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';
import { CHAIN_START, type ChainEnd, followEntry } from './chain.js';

export interface VerifiedTrail {
  readonly end: ChainEnd;
  /** Times of the first and the last entry; undefined in an empty trail. */
  readonly first: string | undefined;
  readonly last: string | undefined;
}

/**
 * @param head hash that must be that of the last entry, from elsewhere: proves that nothing was cut off
 * @throws LightscoreError AUDIT_BROKEN naming the first broken entry; CONFIG_INVALID where the file cannot be read
 */
export async function verifyTrail(file: string, head?: string): Promise<VerifiedTrail> {
  let end = CHAIN_START;
  let first: string | undefined;
  let last: string | undefined;
  let number = 0;
  for await (const { text, complete } of lines(file)) {
    number++;
    const entry = complete ? followEntry(end, text) : 'it was not written to its end (no line feed)';
    if (typeof entry === 'string')
      throw new LightscoreError('AUDIT_BROKEN', `${file}: entry ${number} is broken: ${entry}`);
    ({ end } = entry);
    first ??= entry.time;
    last = entry.time;
  }
  if (head !== undefined && head.toLowerCase() !== end.hash) {
    throw new LightscoreError(
      'AUDIT_BROKEN',
      `${file}: entry ${end.sequence}, the last, has hash ${end.hash}, not ${head}: entries behind it were cut off, or the trail was written anew`,
    );
  }
  return { end, first, last };
}

/** latin1 keeps every byte apart, so that a line is hashed as the bytes it has. */
const fromLatin1 = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

async function* lines(file: string): AsyncGenerator<{ readonly text: string; readonly complete: boolean }> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(file, 'latin1')) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) yield { text: fromLatin1(part), complete: true };
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw new LightscoreError('CONFIG_INVALID', `${file}: cannot be read: ${systemReason(error)}`, { cause: error });
    throw error;
  }
  if (rest !== '') yield { text: fromLatin1(rest), complete: false };
}
