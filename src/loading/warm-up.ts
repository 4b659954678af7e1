/**
 * The last stage of a load: one row through every worker. The first batch of a new model then finds its lane laid out,
 * and the way to a worker and back is known to work.
 */
import { ArtifactError, LightscoreError } from '../errors.js';
import type { SharedScoringResources } from '../scoring/kernel.js';
import type { Scorer } from '../scoring/pool.js';
import type { ServedModel } from '../scoring/served-model.js';
import type { LoadedImage } from './messages.js';

/** Scores the example row. */
export type WarmingScorer = Scorer & Pick<SharedScoringResources, 'memory'>;

/** @throws ArtifactError where a worker scores the example row in another way than the plain tree walk */
export async function warmUp(model: ServedModel, loaded: LoadedImage, pool: WarmingScorer): Promise<void> {
  await Promise.all(Array.from({ length: pool.workers }, () => scoreExample(model, loaded, pool)));
}

async function scoreExample(model: ServedModel, { card, exampleRaw }: LoadedImage, pool: WarmingScorer): Promise<void> {
  const lane = model.takeLane('score');
  if (lane === undefined) {
    throw new LightscoreError('MODEL_UNSUPPORTED', `${card.version}: no room in the shared memory for a batch`);
  }
  try {
    lane.rows.set(card.exampleRow);
    const { strategy, image } = model;
    await pool.run({ strategy, image, text: 0, lane: lane.address, first: 0, end: 1, explain: false });
    if (!Object.is(lane.raw[0], exampleRaw)) {
      const scores = `a worker scores the example row as ${lane.raw[0]}, the plain tree walk as ${exampleRaw}`;
      throw new ArtifactError(card.version, `warm-up: ${scores}`);
    }
  } finally {
    model.releaseLane(lane);
  }
}
