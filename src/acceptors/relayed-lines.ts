import type { Quota } from '../scoring/quota.js';
import type { LineDestination } from '../telemetry/log.js';

/**
 * Prediction events on their way to the thread that writes them: only one thread writes to standard output, as a pipe
 * would cut the lines of several into each other (writes above PIPE_BUF are not atomic).
 */
export class RelayedLines implements LineDestination {
  #dropped = (): void => undefined;

  /** @param characters that may be on their way, of all acceptors; the receiver gives them back */
  constructor(
    private readonly characters: Quota,
    private readonly send: (lines: string, count: number) => void,
  ) {}

  write(lines: string, count: number): void {
    if (this.characters.take(lines.length)) this.send(lines, count);
    else this.#dropped();
  }

  on(_event: 'drop', dropped: () => void): void {
    this.#dropped = dropped;
  }
}
