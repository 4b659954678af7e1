/**
 * Sends prediction events from an acceptor's thread to the main thread. Only one thread writes to standard output: a
 * pipe may interleave the writes of several threads in the middle of a line (writes above PIPE_BUF are not atomic).
 */
import type { Quota } from '../scoring/quota.js';
import type { LineDestination } from '../telemetry/log.js';

type SendLines = (lines: string, count: number) => void;

export class RelayedLines implements LineDestination {
  readonly #characters: Quota;
  readonly #send: SendLines;
  #dropped = (): void => undefined;

  /** @param characters in transit, of all acceptors; the receiver gives them back */
  constructor(characters: Quota, send: SendLines) {
    this.#characters = characters;
    this.#send = send;
  }

  write(lines: string, count: number): void {
    if (this.#characters.take(lines.length)) this.#send(lines, count);
    else this.#dropped();
  }

  on(_event: 'drop', dropped: () => void): void {
    this.#dropped = dropped;
  }
}
