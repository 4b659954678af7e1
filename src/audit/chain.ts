/**
 * The format of the audit trail: one JSON object a line, chained by hashes.
 *
 *   {"sequence":7,"time":"...","event":"swap","actor":"key:ops",...,"previous":"<hash of entry 6>","hash":"<SHA-256>"}
 *
 * `hash` is always the last member: the SHA-256 of the line's own bytes without it, that is of everything before
 * `,"hash"` and a closing brace. `previous` of the first entry is 64 zeros. So nothing can be changed, taken out, put
 * in or moved without breaking the chain at that entry, short of writing everything after it anew; against that, and
 * against cutting off the end, compare the newest hash with one kept elsewhere (the server's log carries each).
 */
import { createHash } from 'node:crypto';
import { messageOf } from '../errors.js';

/** What happened, who asked for it, and what became of it. */
export interface AuditEvent {
  readonly event: string;
  /** `key:ID`, `signal:SIGHUP`, `poll`, `start`, or `anonymous`. */
  readonly actor: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  readonly version?: string;
  readonly reason?: string;
  /** Event-specific: checksums, shares, HTTP method and path. */
  readonly [detail: string]: unknown;
}

/** Where a chain stands. */
export interface ChainEnd {
  /** Entries so far. */
  readonly sequence: number;
  /** Hash of the last one. */
  readonly hash: string;
}

export const CHAIN_START: ChainEnd = { sequence: 0, hash: '0'.repeat(64) };

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The next entry of a chain as its line, without the line feed. */
export function chainEntry(
  end: ChainEnd,
  time: Date,
  event: AuditEvent,
): { readonly line: string; readonly end: ChainEnd } {
  const sequence = end.sequence + 1;
  const body = JSON.stringify({ sequence, time: time.toISOString(), ...event, previous: end.hash });
  const hash = sha256(body);
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, end: { sequence, hash } };
}

const HASHED = /^(.*),"hash":"([0-9a-f]{64})"\}$/s;

/**
 * The end of the chain behind `line`, whatever came before it; or, as a text, what is wrong with the entry in itself.
 */
export function readEntry(
  line: string,
): { readonly end: ChainEnd; readonly previous: string; readonly time: string } | string {
  const [, start, hash] = HASHED.exec(line) ?? [];
  if (start === undefined || hash === undefined)
    return 'it is not an audit entry (no JSON object that ends in its hash)';
  const body = `${start}}`;
  if (sha256(body) !== hash) return 'its contents do not match its hash';
  let entry: unknown;
  try {
    entry = JSON.parse(body);
  } catch (error) {
    return `it is not JSON (${messageOf(error)})`;
  }
  const { sequence, previous, time } = entry as Readonly<Record<string, unknown>>;
  if (typeof sequence !== 'number' || typeof previous !== 'string' || typeof time !== 'string')
    return 'it lacks sequence, time or previous';
  return { end: { sequence, hash }, previous, time };
}

/** The end of the chain behind `line` as the entry that follows `end`; or, as a text, why it does not follow. */
export function followEntry(end: ChainEnd, line: string): { readonly end: ChainEnd; readonly time: string } | string {
  const entry = readEntry(line);
  if (typeof entry === 'string') return entry;
  if (entry.end.sequence !== end.sequence + 1)
    return `its sequence is ${entry.end.sequence}, expected ${end.sequence + 1}: entries were taken out, put in or moved`;
  if (entry.previous !== end.hash) return 'it does not continue the entry before it: entries were replaced or moved';
  return { end: entry.end, time: entry.time };
}
