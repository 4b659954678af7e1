/**
 * The format of the audit trail: one JSON object per line, chained by hashes.
 *
 *   {"sequence":7,"time":"...","event":"swap","actor":"key:ops",...,"previous":"<hash of entry 6>","hash":"<SHA-256>"}
 *
 * `hash` is always the last member: the SHA-256 of the line without it, which is everything before `,"hash"` plus a
 * closing brace. `previous` of the first entry is 64 zeros. So an entry that is changed, removed, inserted or moved
 * breaks the chain at that entry, unless everything after it is rewritten. To detect a rewrite, or a truncated end,
 * compare the newest hash with one kept elsewhere: the server's log has the hash of every entry.
 *
 * Sequence numbers are never used twice. Where entries could not be written, `audit_gap` follows the last one that was,
 * and its number jumps by as many as its member `lost` says.
 */
import { messageOf } from '../errors.js';
import { sha256Hex } from '../sha256.js';

/** What happened, who requested it, and with which outcome. */
export interface AuditEvent {
  readonly event: string;
  /** `key:ID`, `signal:SIGHUP`, `poll`, `start`, `server`, or `anonymous`. */
  readonly actor: string;
  /** `begun`: what was asked for is recorded before it is done (AUDIT_REQUIRED). */
  readonly outcome: 'begun' | 'done' | 'refused' | 'failed';
  readonly version?: string;
  readonly reason?: string;
  /** Specific to the event: checksums, shares, HTTP method and path. */
  readonly [detail: string]: unknown;
}

/** Entries are missing before this one. */
export const GAP_EVENT = 'audit_gap';
/** The file was moved, deleted or emptied under the server; its member `first` is the first entry of the file since. */
export const MOVED_EVENT = 'audit_moved';

/** The last entry of a chain. */
export interface ChainEnd {
  /** Its number, from 1; 0 in an empty chain. */
  readonly sequence: number;
  readonly hash: string;
}

export const CHAIN_START: ChainEnd = { sequence: 0, hash: '0'.repeat(64) };

/** An entry as a line, without the line feed. */
export interface WrittenEntry {
  readonly line: string;
  readonly end: ChainEnd;
}

/**
 * Writes the entry that follows `end`.
 * @param lost how many numbers are skipped: entries that are in no file
 */
export function chainEntry(end: ChainEnd, time: Date, event: AuditEvent, lost = 0): WrittenEntry {
  const sequence = end.sequence + lost + 1;
  const body = JSON.stringify({ sequence, time: time.toISOString(), ...event, previous: end.hash });
  const hash = sha256Hex(body);
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, end: { sequence, hash } };
}

/** An entry of a file. Its own hash is right; whether it follows the one before it is not known. */
export interface ReadEntry {
  readonly end: ChainEnd;
  readonly previous: string;
  readonly time: string;
  readonly event: string;
  /** The member `lost` of a gap; else 0. */
  readonly lost: number;
  /** The member `first` of an entry that says that the file was moved; else 0. */
  readonly first: number;
}

const HASHED = /^(.*),"hash":"([0-9a-f]{64})"\}$/s;

/** Reads an entry and checks its own hash, but not its predecessor; returns a string that says what is wrong. */
export function readEntry(line: string): ReadEntry | string {
  const [, start, hash] = HASHED.exec(line) ?? [];
  if (start === undefined || hash === undefined)
    return 'it is not an audit entry (a JSON object whose last member is its hash)';
  const body = `${start}}`;
  if (sha256Hex(body) !== hash) return 'its contents do not match its hash';
  let entry: unknown;
  try {
    entry = JSON.parse(body);
  } catch (error) {
    return `it is not JSON (${messageOf(error)})`;
  }
  const { sequence, previous, time, event, lost, first } = entry as Readonly<Record<string, unknown>>;
  if (typeof sequence !== 'number' || typeof previous !== 'string' || typeof time !== 'string')
    return 'sequence, time or previous is missing';
  const numberIn = (name: string, value: unknown): number =>
    event === name && typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
  return {
    end: { sequence, hash },
    previous,
    time,
    event: String(event),
    lost: numberIn(GAP_EVENT, lost),
    first: numberIn(MOVED_EVENT, first),
  };
}

/** Reads the entry that must follow `end`; returns a string that says why it does not. */
export function followEntry(end: ChainEnd, line: string): ReadEntry | string {
  const entry = readEntry(line);
  if (typeof entry === 'string') return entry;
  const expected = end.sequence + entry.lost + 1;
  if (entry.end.sequence !== expected)
    return `its sequence is ${entry.end.sequence}, expected ${expected}: entries were removed, inserted or moved`;
  if (entry.previous !== end.hash) return 'it does not continue the entry before it: entries were replaced or moved';
  return entry;
}
