/** A clock that is read once per turn of the event loop: all requests of a turn have the same arrival time. */
export class TurnClock {
  #now = 0;
  #fresh = false;

  /** performance.now() at the first call in this turn, milliseconds. */
  now(): number {
    if (!this.#fresh) {
      this.#now = performance.now();
      this.#fresh = true;
      setImmediate(() => (this.#fresh = false));
    }
    return this.#now;
  }
}
