/** When the requests of an open-loop load are due: evenly spaced, whatever the answers do. */

/** A time with a constant rate. */
export interface Stage {
  readonly seconds: number;
  /** Requests a second. */
  readonly rate: number;
}

export const totalSeconds = (stages: readonly Stage[]): number => stages.reduce((sum, { seconds }) => sum + seconds, 0);

/** The smaller number where the last request would be due after the stage; 3 * 0.1 a second is less than 0.3. */
const requestsOf = ({ seconds, rate }: Stage): number => Math.floor(seconds * rate + 1e-9);

export class Schedule {
  readonly #stages: readonly Stage[];
  #stage = 0;
  /** Seconds from the start of the first stage to the start of this one. */
  #start = 0;
  /** Requests of this stage that were taken. */
  #taken = 0;

  constructor(stages: readonly Stage[]) {
    this.#stages = stages;
    this.#skipFinished();
  }

  /** When the next request is due, in seconds from the start of the first stage; Infinity after the last one. */
  get next(): number {
    if (this.#stage === this.#stages.length) return Infinity;
    return this.#start + (this.#taken + 1) / this.#stages[this.#stage].rate;
  }

  take(): void {
    this.#taken++;
    this.#skipFinished();
  }

  #skipFinished(): void {
    while (this.#stage < this.#stages.length && this.#taken >= requestsOf(this.#stages[this.#stage])) {
      this.#start += this.#stages[this.#stage].seconds;
      this.#stage++;
      this.#taken = 0;
    }
  }
}
