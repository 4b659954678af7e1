/** Verifies the chain of an audit trail from its first entry to its last. */
import { createReadStream } from 'node:fs';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';
import { CHAIN_START, type ChainEnd, followEntry } from './chain.js';

export interface VerifiedTrail {
  readonly end: ChainEnd;
  /** The times of the first and the last entry; undefined in an empty trail. */
  readonly first: string | undefined;
  readonly last: string | undefined;
}

export interface VerifyOptions {
  /** The expected hash of the last entry, kept elsewhere: proves that no entries were removed from the end. */
  readonly head?: string | undefined;
}

/** @throws LightscoreError AUDIT_BROKEN naming the first broken entry; CONFIG_INVALID if the file cannot be read */
export async function verifyTrail(file: string, { head }: VerifyOptions = {}): Promise<VerifiedTrail> {
  let end = CHAIN_START;
  let first: string | undefined;
  let last: string | undefined;
  let number = 0;
  for await (const { text, complete } of lines(file)) {
    number++;
    const entry = complete ? followEntry(end, text) : 'it is incomplete (no line feed at its end)';
    if (typeof entry === 'string')
      throw new LightscoreError('AUDIT_BROKEN', `${file}: entry ${number} is broken: ${entry}`);
    ({ end } = entry);
    first ??= entry.time;
    last = entry.time;
  }
  if (head !== undefined && head.toLowerCase() !== end.hash) {
    throw new LightscoreError(
      'AUDIT_BROKEN',
      `${file}: entry ${end.sequence}, the last, has hash ${end.hash}, not ${head}: ` +
        'later entries were removed, or the trail was rewritten',
    );
  }
  return { end, first, last };
}

/** Decodes a line of a file that was read as latin1, in which each byte is one character. */
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
