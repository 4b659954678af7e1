/**
 * The format of the audit trail: one JSON object per line, chained by hashes.
 *
 *   {"sequence":7,"time":"...","event":"swap","actor":"key:ops",...,"previous":"<hash of entry 6>","hash":"<SHA-256>"}
 *
 * `hash` is always the last member: the SHA-256 of the line without it, which is everything before `,"hash"` plus a
 * closing brace. `previous` of the first entry is 64 zeros. So an entry that is changed, removed, inserted or moved
 * breaks the chain at that entry, unless everything after it is rewritten. To detect a rewrite, or a truncated end,
 * compare the newest hash with one kept elsewhere: the server's log has the hash of every entry.
 */
import { messageOf } from '../errors.js';
import { sha256Hex } from '../sha256.js';

/** What happened, who requested it, and with which outcome. */
export interface AuditEvent {
  readonly event: string;
  /** `key:ID`, `signal:SIGHUP`, `poll`, `start`, or `anonymous`. */
  readonly actor: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  readonly version?: string;
  readonly reason?: string;
  /** Specific to the event: checksums, shares, HTTP method and path. */
  readonly [detail: string]: unknown;
}

/** The last entry of a chain. */
export interface ChainEnd {
  /** Its number, from 1; 0 in an empty chain. */
  readonly sequence: number;
  readonly hash: string;
}

export const CHAIN_START: ChainEnd = { sequence: 0, hash: '0'.repeat(64) };

/** Writes the entry that follows `end` as a line, without the line feed. */
export function chainEntry(
  end: ChainEnd,
  time: Date,
  event: AuditEvent,
): { readonly line: string; readonly end: ChainEnd } {
  const sequence = end.sequence + 1;
  const body = JSON.stringify({ sequence, time: time.toISOString(), ...event, previous: end.hash });
  const hash = sha256Hex(body);
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, end: { sequence, hash } };
}

const HASHED = /^(.*),"hash":"([0-9a-f]{64})"\}$/s;

/** Reads an entry and checks its own hash, but not its predecessor; returns a string that says what is wrong. */
export function readEntry(
  line: string,
): { readonly end: ChainEnd; readonly previous: string; readonly time: string } | string {
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
  const { sequence, previous, time } = entry as Readonly<Record<string, unknown>>;
  if (typeof sequence !== 'number' || typeof previous !== 'string' || typeof time !== 'string')
    return 'sequence, time or previous is missing';
  return { end: { sequence, hash }, previous, time };
}

/** Reads the entry that must follow `end`; returns a string that says why it does not. */
export function followEntry(end: ChainEnd, line: string): { readonly end: ChainEnd; readonly time: string } | string {
  const entry = readEntry(line);
  if (typeof entry === 'string') return entry;
  if (entry.end.sequence !== end.sequence + 1)
    return (
      `its sequence is ${entry.end.sequence}, expected ${end.sequence + 1}: ` +
      'entries were removed, inserted or moved'
    );
  if (entry.previous !== end.hash) return 'it does not continue the entry before it: entries were replaced or moved';
  return { end: entry.end, time: entry.time };
}
