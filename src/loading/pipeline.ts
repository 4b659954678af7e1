/**
 * Loads a version, stage by stage. A version that fails a stage is discarded, and the models that serve are not
 * affected.
 *
 *     1. fetch       fetch.ts            one listing of the store, each file within its limit
 *     2. verify      fetch.ts            signature, checksums, metadata, calibrator
 *     3. parse       model/parse.ts      the model text to a booster
 *     4. compile     model/image.ts      the booster to an image in shared memory
 *     5. self-check  self-check.ts       the kernel against other scorers, bit for bit
 *     6. warm up     warm-up.ts          one row through every worker
 *
 * `prepareImage` runs stages 1 to 5, for a server on the loader's thread (`loader-thread.ts`), for `lightscore check`
 * in the caller's (`check.ts`). `loadModel` requests them and runs stage 6 on the main thread.
 */
import { createPublicKey } from 'node:crypto';
import { parseBooster } from '../model/parse.js';
import { planImage } from '../model/image.js';
import { rawScores } from '../model/tree-walk.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import type { Kernels } from '../scoring/kernel.js';
import { ServedModel } from '../scoring/served-model.js';
import type { ArtifactStore } from '../store/store.js';
import { fetchArtifact } from './fetch.js';
import type { ModelLoader } from './loader.js';
import type { LoadRequest, LoadedImage } from './messages.js';
import { suspicionsOf } from './calibrator-warnings.js';
import { cardOf, nameWarnings } from './model-card.js';
import { boosterWarnings } from './model-warnings.js';
import { checkImage } from './self-check.js';
import { type WarmingScorer, warmUp } from './warm-up.js';
import { startNative } from './native-check.js';

/** What stages 1 to 5 need, on the loader's thread. */
export interface LoaderResources {
  readonly memory: WebAssembly.Memory;
  readonly kernels: Kernels;
  readonly store: ArtifactStore;
  /** Allocates shared memory for this thread to write, and returns its address. */
  readonly allocate: (bytes: number) => Promise<number>;
  /** Aborted when the load ends. */
  readonly signal: AbortSignal;
}

/**
 * Runs stages 1 to 5.
 * @throws ArtifactError, LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; RangeError if the model is too large for
 * the fields of an image
 */
export async function prepareImage(task: LoadRequest, resources: LoaderResources): Promise<LoadedImage> {
  const { kernels, memory, signal } = resources;
  const { version, requireChecksums, publicKey, isFirst } = task;

  const artifact = await fetchArtifact(resources.store, version, {
    requireChecksums,
    ...(publicKey !== undefined && { publicKey: createPublicKey(publicKey) }),
  });

  const file = artifact.modelFile;
  const { modelText } = artifact;
  const early = isFirst ? startNative({ modelText, file, signal }) : undefined;
  const booster = parseBooster(modelText, file);
  if (booster.outputs !== 1) {
    const reason = `the model has ${booster.outputs} outputs; only single-output models can be served`;
    throw new ArtifactError(file, reason);
  }
  const { byteLength, shape, strategy, unexplained, write } = planImage(booster, artifact.calibrator);
  const card = cardOf(artifact, booster, unexplained);
  const image = await resources.allocate(byteLength);
  write(new Uint8Array(memory.buffer, image, byteLength));

  const selfCheck = await checkImage({
    artifact,
    booster,
    kernel: kernels[strategy],
    image,
    shape,
    memory,
    allocate: resources.allocate,
    // A later load starts LightGBM only now, so that it occupies one core at a time.
    native: early ?? startNative({ modelText, file, signal }),
  });

  // A typed array, like the rows of the self-check: once the walk has read both kinds of array, V8 allocates an object
  // for every value.
  const [exampleRaw] = rawScores(booster, Float64Array.from(card.exampleRow));
  const { files, signed, fingerprint, metadata, metadataFile } = artifact;
  const warnings = [
    ...artifact.warnings,
    ...nameWarnings(metadataFile, booster.featureNames, metadata.featureNames),
    ...boosterWarnings(booster).map((warning) => `${file}: ${warning}`),
    ...suspicionsOf(artifact.calibrator, booster, artifact.calibratorFile),
  ];
  return {
    card,
    strategy,
    shape,
    image,
    imageBytes: byteLength,
    exampleRaw,
    files,
    signed,
    fingerprint,
    warnings,
    selfCheck,
  };
}

/** Why a version is refused; undefined where `error`, of stages 1 to 5, is a fault of the server's own. */
export function refusalOf(error: unknown, version: string): LightscoreError | undefined {
  if (error instanceof LightscoreError) return error;
  // The model exceeds a limit of the image's layout.
  return error instanceof RangeError ? new ArtifactError(version, error.message, { cause: error }) : undefined;
}

/**
 * Runs all stages.
 * @param onVerified called between self-check and warm-up
 * @returns a model that every worker has scored with, and the facts about its version
 * @throws what `ModelLoader.load` throws; ArtifactError if a worker's score differs from the loader's
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
    model = new ServedModel(loaded, pool.memory);
  } catch (error) {
    pool.memory.free(loaded.image);
    throw error;
  }
  try {
    onVerified(loaded);
    await warmUp(model, loaded, pool);
  } catch (error) {
    model.retire();
    throw error;
  }
  return { model, loaded };
}
