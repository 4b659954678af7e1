/** A scoring pool of this process with a model in its memory: the server's scoring without the server. */
import { compileImage } from '../../src/model/image.js';
import { parseBooster } from '../../src/model/parse.js';
import { type Lane, type LaneKind, createLane } from '../../src/scoring/lane.js';
import { ScoringPool } from '../../src/scoring/pool.js';
import { type TrainedModel, describeSize } from './trained.js';
import { createScoringResources } from '../../src/scoring/kernel.js';

export class PooledModel {
  readonly #pool = new ScoringPool(1, createScoringResources());
  readonly #image: number;
  readonly #strategy;
  readonly #lanes: Record<LaneKind, Lane>;

  /** @param capacity the maximum number of rows at once */
  constructor({ size, modelText, rows }: TrainedModel, capacity: Record<LaneKind, number>) {
    const image = compileImage(parseBooster(modelText, describeSize(size)));
    this.#strategy = image.strategy;
    this.#image = this.#pool.memory.allocate(image.bytes.length);
    new Uint8Array(this.#pool.memory.memory.buffer, this.#image).set(image.bytes);
    const lane = (kind: LaneKind): Lane => {
      const made = createLane(this.#pool.memory, image.shape, capacity[kind], kind);
      made.rows.set(rows.subarray(0, made.rows.length));
      return made;
    };
    this.#lanes = { score: lane('score'), explain: lane('explain') };
  }

  /** Scores `count` rows on this thread. */
  scoreInline(kind: LaneKind, count: number): void {
    const kernel = this.#pool.kernels[this.#strategy];
    const { address } = this.#lanes[kind];
    kernel.score(this.#image, address, 0, count);
    if (kind === 'explain') kernel.explain(this.#image, address, 0, count);
  }

  /** Scores `count` rows in a worker. @returns microseconds that the worker spent on them */
  scoreInWorker(kind: LaneKind, count: number): Promise<number> {
    return this.#pool.run({
      strategy: this.#strategy,
      image: this.#image,
      text: 0,
      lane: this.#lanes[kind].address,
      first: 0,
      end: count,
      explain: kind === 'explain',
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
