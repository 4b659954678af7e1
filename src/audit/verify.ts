/** Verifies the chain of an audit trail from first to last entry, and finds what its own entries say is missing. */
import { createReadStream } from 'node:fs';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';
import { CHAIN_START, type ChainEnd, type ReadEntry, followEntry, readEntry } from './chain.js';

/** Entries that are in none of the files, though the chain holds: an entry of the trail says so. */
export interface Gap {
  /** The number of the entry before which they are missing. */
  readonly before: number;
  readonly lost: number;
  /** When that was recorded. */
  readonly time: string;
}

export interface VerifiedTrail {
  readonly end: ChainEnd;
  readonly entries: number;
  /** The number of the first entry: 1, or more where earlier ones are in a file that was moved or deleted. */
  readonly begins: number;
  readonly gaps: readonly Gap[];
  /** The times of the first and the last entry; undefined in an empty trail. */
  readonly first: string | undefined;
  readonly last: string | undefined;
}

export interface VerifyOptions {
  /** The expected hash of the last entry, kept elsewhere: proves that no entries were removed from the end. */
  readonly head?: string | undefined;
}

/** A trail that begins in the middle: whole if a later entry says that its file was moved. */
interface Unexplained {
  readonly begins: number;
  readonly file: string;
  readonly reason: string;
}

/**
 * @param files one trail, in the order in which its files were written
 * @throws LightscoreError AUDIT_BROKEN naming the first broken entry; CONFIG_INVALID if a file cannot be read
 */
export async function verifyTrail(
  files: string | readonly string[],
  { head }: VerifyOptions = {},
): Promise<VerifiedTrail> {
  const names = typeof files === 'string' ? [files] : files;
  const gaps: Gap[] = [];
  let end = CHAIN_START;
  let entries = 0;
  let begins = 1;
  let unexplained: Unexplained | undefined;
  let first: string | undefined;
  let last: string | undefined;
  for (const file of names) {
    let number = 0;
    for await (const { text, complete } of lines(file)) {
      number++;
      let entry = complete ? followEntry(end, text) : 'it is incomplete (no line feed at its end)';
      if (typeof entry === 'string' && entries === 0) {
        const beginning = beginningOf(text);
        if (beginning !== undefined) {
          begins = beginning.end.sequence;
          unexplained = { begins, file, reason: entry };
          entry = beginning;
        }
      }
      if (typeof entry === 'string') throw unexplained === undefined ? broken(file, number, entry) : cut(unexplained);
      if (unexplained !== undefined && entry.first === unexplained.begins) unexplained = undefined;
      if (entry.lost > 0) gaps.push({ before: entry.end.sequence, lost: entry.lost, time: entry.time });
      ({ end } = entry);
      entries++;
      first ??= entry.time;
      last = entry.time;
    }
  }
  if (unexplained !== undefined) throw cut(unexplained);
  if (head !== undefined && head.toLowerCase() !== end.hash) {
    throw new LightscoreError(
      'AUDIT_BROKEN',
      `${names[names.length - 1]}: entry ${end.sequence}, the last, has hash ${end.hash}, not ${head}: ` +
        'later entries were removed, or the trail was rewritten',
    );
  }
  return { end, entries, begins, gaps, first, last };
}

const broken = (file: string, number: number, reason: string): LightscoreError =>
  new LightscoreError('AUDIT_BROKEN', `${file}: entry ${number} is broken: ${reason}`);

const cut = ({ file, reason }: Unexplained): LightscoreError => broken(file, 1, reason);

/** The entry in a line with which a file may begin after one that was moved. */
function beginningOf(line: string): ReadEntry | undefined {
  const entry = readEntry(line);
  return typeof entry !== 'string' && entry.end.sequence > 1 ? entry : undefined;
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
