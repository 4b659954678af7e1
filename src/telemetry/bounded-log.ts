/** Log lines that others can cause, at a bounded rate: whoever finds the port must not fill the disk. */

/** Lines of one second; the rest are counted. */
const MAX_LINES_PER_SECOND = 10;

export type Fields = Readonly<Record<string, unknown>>;

export class BoundedLog {
  readonly #write: (fields: Fields, message: string) => void;
  readonly #maxLines: number;
  #second = 0;
  #lines = 0;
  #suppressed = 0;

  /** @param maxLines a second */
  constructor(write: (fields: Fields, message: string) => void, maxLines = MAX_LINES_PER_SECOND) {
    this.#write = write;
    this.#maxLines = maxLines;
  }

  /** Writes a line, with the number of those that were left out before it; or leaves it out. */
  line(fields: Fields, message: string): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    if (this.#lines >= this.#maxLines) {
      this.#suppressed++;
      return;
    }
    this.#lines++;
    this.#write(this.#suppressed === 0 ? fields : { ...fields, suppressed: this.#suppressed }, message);
    this.#suppressed = 0;
  }
}
