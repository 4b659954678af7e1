/** Measures how late the event loop of its thread is, with a timer that knows when it was due. */
import type { Distribution } from './counts.js';

const INTERVAL_MS = 20;

export class LagSampler {
  readonly #timer: NodeJS.Timeout;

  /** @param lag seconds; observed every 20 ms, or once where the event loop was busy for longer */
  constructor(lag: Distribution) {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      lag.observe(Math.max(0, now - last - INTERVAL_MS) / 1000);
      last = now;
    }, INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
