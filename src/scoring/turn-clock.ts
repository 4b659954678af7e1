/** The time, read once per turn of the event loop: requests that arrive in one turn were there when it began. */
export class TurnClock {
  #now = 0;
  #fresh = false;

  /** performance.now() milliseconds, at the first call in this turn. */
  now(): number {
    if (!this.#fresh) {
      this.#now = performance.now();
      this.#fresh = true;
      setImmediate(() => (this.#fresh = false));
    }
    return this.#now;
  }
}
