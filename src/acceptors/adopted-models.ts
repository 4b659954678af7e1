/** The main thread's models as an acceptor's thread uses them: with the same images, but with its own lanes. */
import { columnsOf } from '../model/feature-order.js';
import type { Serving } from '../registry/serving.js';
import type { Regions } from '../scoring/memory.js';
import { LANE_LIMITS, ServedModel } from '../scoring/served-model.js';
import type { PublishedModel, PublishedServing } from './messages.js';

/** An acceptor may keep at least so many idle lanes of each kind, whatever the number of acceptors. */
const MIN_KEPT = 4;

export class AdoptedModels {
  #serving: Serving | undefined;
  /** The models in `#serving`, by the address of their images. */
  #models = new Map<number, ServedModel>();
  readonly #memory: Regions;
  readonly #keptLanes: number;

  /** @param acceptors how many acceptors share the limit on idle lanes */
  constructor(memory: Regions, acceptors: number) {
    this.#memory = memory;
    this.#keptLanes = Math.max(MIN_KEPT, Math.floor(LANE_LIMITS.kept / acceptors));
  }

  get serving(): Serving | undefined {
    return this.#serving;
  }

  /** Replaces `serving`. A model that is no longer part of it is returned when its last batch has returned. */
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
      // Equal names keep the same array: the request reader is rebuilt whenever the array is another.
      requestNames: names !== undefined && columnsOf(requestNames, names) === null ? names : requestNames,
      experiment: experiment && { ...experiment, challenger: adopted(experiment.challenger) },
    };
    for (const [image, model] of before) if (!now.has(image)) model.retire();
  }
}
