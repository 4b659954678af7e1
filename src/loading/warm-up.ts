/**
 * The last stage of a load sends one row through every worker. The first batch of a new model then finds a lane that is
 * already laid out, and every worker is known to score.
 */
import { ArtifactError, LightscoreError } from '../errors.js';
import type { SharedScoringResources } from '../scoring/kernel.js';
import type { Scorer } from '../scoring/pool.js';
import type { ServedModel } from '../scoring/served-model.js';
import type { LoadedImage } from './messages.js';

/** What scores the example row: the pool of workers, or the inline scorer. */
export type WarmingScorer = Scorer & Pick<SharedScoringResources, 'memory'>;

/** @throws ArtifactError if a worker's score of the example row differs from that of the plain tree walk */
export async function warmUp(model: ServedModel, loaded: LoadedImage, pool: WarmingScorer): Promise<void> {
  await Promise.all(Array.from({ length: pool.workers }, () => scoreExample(model, loaded, pool)));
}

async function scoreExample(model: ServedModel, { card, exampleRaw }: LoadedImage, pool: WarmingScorer): Promise<void> {
  const lane = model.takeLane('score');
  if (lane === undefined) {
    throw new LightscoreError('MODEL_UNSUPPORTED', `${card.version}: not enough shared memory for a batch`);
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
