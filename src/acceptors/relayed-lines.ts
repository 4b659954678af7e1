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

  /** @param characters in transit, of all acceptors; the receiver gives them back */
  constructor(characters: Quota, send: SendLines) {
    this.#characters = characters;
    this.#send = send;
  }

  writePredictions(lines: string, count: number): boolean {
    const taken = this.#characters.take(lines.length);
    if (taken) this.#send(lines, count);
    return taken;
  }
}
