/** Connections of an acceptor, and what its HTTP parser refused. */
import { Tally } from './counts.js';

/** As plain data that can travel between threads. */
export interface ConnectionReading {
  readonly open: number;
  readonly opened: number;
  /** Closed at once, as MAX_CONNECTIONS were open. */
  readonly refused: number;
  /** Requests that could not be parsed, by reason. */
  readonly malformed: readonly (readonly [reason: string, count: number])[];
}

export class ConnectionCounts {
  #open = 0;
  #opened = 0;
  #refused = 0;
  readonly #malformed = new Tally<string>();

  connectionOpened(): void {
    this.#open++;
    this.#opened++;
  }

  connectionClosed(): void {
    this.#open--;
  }

  connectionRefused(): void {
    this.#refused++;
  }

  malformed(reason: string): void {
    this.#malformed.add(reason);
  }

  get reading(): ConnectionReading {
    return {
      open: this.#open,
      opened: this.#opened,
      refused: this.#refused,
      malformed: this.#malformed.entries,
    };
  }

  clear(): void {
    this.#open = 0;
    this.#opened = 0;
    this.#refused = 0;
    this.#malformed.clear();
  }

  add({ open, opened, refused, malformed }: ConnectionReading): void {
    this.#open += open;
    this.#opened += opened;
    this.#refused += refused;
    for (const [reason, count] of malformed) this.#malformed.add(reason, count);
  }
}
