/**
 * Loading a model, stage by stage: fetch, verify, parse, compile, self-check (all in the loader's thread), then warm
 * up. Nothing of a model that fails a stage is kept, and nothing that serves is touched.
 */
import type { LoadedImage } from '../../workers/load.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import type { Scorer, ScoringGround } from '../scoring/pool.js';
import { ServedModel } from '../scoring/served-model.js';
import type { ModelLoader } from './loader.js';

/** Who proves that a new model scores. */
export type WarmingScorer = Scorer & Pick<ScoringGround, 'memory'>;

/**
 * @param onVerified called between self-check and warm-up
 * @returns a model that the pool has scored with, and what is known of its version
 * @throws what `ModelLoader.load` throws; ArtifactError where the pool does not score as the loader did
 */
export async function loadModel(
  version: string,
  loader: ModelLoader,
  pool: WarmingScorer,
  onVerified: (loaded: LoadedImage) => void,
): Promise<{ readonly model: ServedModel; readonly loaded: LoadedImage }> {
  const loaded = await loader.load(version);
  let model: ServedModel;
  try {
    model = new ServedModel(loaded.card, loaded.strategy, loaded.shape, loaded.image, loaded.imageBytes, pool.memory);
  } catch (error) {
    pool.memory.free(loaded.image);
    throw error;
  }
  try {
    onVerified(loaded);
    await Promise.all(Array.from({ length: pool.workers }, () => warmUp(model, loaded, pool)));
  } catch (error) {
    model.retire();
    throw error;
  }
  return { model, loaded };
}

/**
 * One row through the pool: the first batch of a new model then finds its lane laid out, and the way there and back
 * proven.
 */
async function warmUp(model: ServedModel, { card, exampleRaw }: LoadedImage, pool: WarmingScorer): Promise<void> {
  const lane = model.takeLane('score');
  if (lane === undefined)
    throw new LightscoreError('MODEL_UNSUPPORTED', `${card.version}: no room in the shared memory for a batch`);
  try {
    lane.rows.set(card.exampleRow);
    await pool.run({
      strategy: model.strategy,
      image: model.image,
      text: 0,
      lane: lane.address,
      first: 0,
      end: 1,
      explain: false,
    });
    if (!Object.is(lane.raw[0], exampleRaw))
      throw new ArtifactError(
        card.version,
        `warm-up: a worker scores the example row as ${lane.raw[0]}, the plain tree walk as ${exampleRaw}`,
      );
  } finally {
    model.releaseLane(lane);
  }
}
