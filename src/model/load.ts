/**
 * Loading a model, stage by stage: fetch, compile (parse, image), check, serve. Nothing of a model that fails a stage is kept, and
 * nothing that serves is touched.
 */
import type { Artifact } from '../artifact/artifact.js';
import { MODEL_FILE } from '../artifact/files.js';
import { ArtifactError } from '../errors.js';
import type { ScoringPool } from '../scoring/pool.js';
import { type ModelCard, ServedModel } from '../scoring/served-model.js';
import type { Compiled } from '../../workers/compile.js';
import type { ModelCompiler } from './compiler.js';

/**
 * @param artifact fetched and verified
 * @returns a model that is warm: every worker has scored with it, and agreed bit for bit with the plain tree walk
 * @throws ArtifactError naming file and reason
 */
export async function loadModel(artifact: Artifact, compiler: ModelCompiler, pool: ScoringPool): Promise<ServedModel> {
  const file = artifact.modelFile;
  const compiled = await compiler.compile(file, artifact.modelText, artifact.calibrator);
  let model: ServedModel;
  try {
    model = new ServedModel(describe(artifact, compiled), compiled.strategy, compiled.shape, compiled.image, compiled.imageBytes, pool.memory);
  } catch (error) {
    pool.memory.free(compiled.image);
    throw error;
  }
  try {
    await check(model, compiled, pool, file);
  } catch (error) {
    model.retire();
    throw error;
  }
  return model;
}

function describe({ version, metadata, metadataFile, files }: Artifact, compiled: Compiled): ModelCard {
  return {
    version,
    modelVersion: metadata.modelVersion,
    calibrationVersion: metadata.calibrationVersion,
    featureSetVersion: metadata.featureSetVersion,
    featureNames: featureNames(metadataFile, compiled.featureNames, metadata.featureNames),
    importance: compiled.importance,
    objective: compiled.objective,
    trees: compiled.trees,
    leaves: compiled.leaves,
    modelSha256: files.find(({ name }) => name === MODEL_FILE)?.sha256 ?? '',
    exampleRow: compiled.exampleRow,
  };
}

/** The model's own names rule; where it was trained without names, LightGBM calls them Column_0, Column_1, ... and metadata's are used. */
function featureNames(file: string, ofModel: readonly string[], ofMetadata: readonly string[]): readonly string[] {
  if (ofMetadata.length !== ofModel.length) {
    throw new ArtifactError(file, `feature_names has ${ofMetadata.length} names, but the model has ${ofModel.length} features`);
  }
  return ofModel.every((name, i) => name === `Column_${i}`) ? ofMetadata : ofModel;
}

/** Scores the self-check rows on every worker, which also warms it, and holds each raw score against the plain walk's. */
async function check(model: ServedModel, { selfCheck }: Compiled, pool: ScoringPool, file: string): Promise<void> {
  const { rows, raw, count } = selfCheck;
  const { strategy, image, shape } = model;
  const scoreFrom = async (start: number): Promise<number> => {
    const lane = model.takeLane('score');
    try {
      const end = Math.min(count - start, lane.plan.capacity);
      lane.rows.set(rows.subarray(start * shape.features, (start + end) * shape.features));
      await pool.run({ strategy, image, lane: lane.address, first: 0, end, explain: false });
      for (let r = 0; r < end; r++) {
        if (Object.is(lane.raw[r], raw[start + r])) continue;
        throw new ArtifactError(file, `self-check: the kernel (${strategy}) scores row ${start + r} as ${lane.raw[r]}, the plain tree walk as ${raw[start + r]}`);
      }
      return start + end;
    } finally {
      model.releaseLane(lane);
    }
  };
  await Promise.all(
    Array.from({ length: pool.workers }, async () => {
      for (let start = 0; start < count; ) start = await scoreFrom(start);
    }),
  );
}
