/** The models of other threads as an acceptor's thread has them: the same images, lanes of its own. */
import { columnsOf } from '../model/feature-order.js';
import type { Serving } from '../registry/serving.js';
import type { Regions } from '../scoring/memory.js';
import { LANE_LIMITS, ServedModel } from '../scoring/served-model.js';
import type { PublishedModel, PublishedServing } from './messages.js';

/** Fewest idle lanes that an acceptor keeps of a kind, however many acceptors there are. */
const LEAST_KEPT = 4;

export class AdoptedModels {
  #serving: Serving | undefined;
  /** Of `#serving`, by the address of their images. */
  #models = new Map<number, ServedModel>();
  readonly #memory: Regions;
  readonly #keptLanes: number;

  /** @param acceptors that share what a single one would keep */
  constructor(memory: Regions, acceptors: number) {
    this.#memory = memory;
    this.#keptLanes = Math.max(LEAST_KEPT, Math.floor(LANE_LIMITS.kept / acceptors));
  }

  get serving(): Serving | undefined {
    return this.#serving;
  }

  /** Answers by `serving` from here on. A model that it does without goes back when its last batch is back. */
  adopt({ champion, requestNames, experiment }: PublishedServing): void {
    const before = this.#models;
    const now = new Map<number, ServedModel>();
    const adopted = (published: PublishedModel): ServedModel => {
      const lent = { text: published.text, keptLanes: this.#keptLanes };
      const model = before.get(published.image) ?? new ServedModel(published, this.#memory, lent);
      now.set(published.image, model);
      return model;
    };
    const names = this.#serving?.requestNames;
    this.#models = now;
    this.#serving = {
      champion: adopted(champion),
      // The same array for the same names, as on one thread: what reads requests is made anew for others.
      requestNames: names !== undefined && columnsOf(requestNames, names) === null ? names : requestNames,
      experiment: experiment && { ...experiment, challenger: adopted(experiment.challenger) },
    };
    for (const [image, model] of before) if (!now.has(image)) model.retire();
  }
}
