/** Builds the card of a model from its artifact and its parsed text. */
import { ArtifactError } from '../errors.js';
import { type Booster, splitImportance } from '../model/booster.js';
import { exampleRow } from '../model/critical-rows.js';
import type { ModelCard } from '../scoring/model-card.js';
import type { Artifact } from './fetch.js';

/** @throws ArtifactError if the metadata has another number of features than the model */
export function cardOf({ version, metadata, metadataFile, modelSha256 }: Artifact, booster: Booster): ModelCard {
  return {
    version,
    modelVersion: metadata.modelVersion,
    calibrationVersion: metadata.calibrationVersion,
    featureSetVersion: metadata.featureSetVersion,
    featureNames: featureNames(metadataFile, booster.featureNames, metadata.featureNames),
    importance: Array.from(splitImportance(booster)),
    exampleRow: exampleRow(booster),
    objective: booster.objective.name,
    trees: booster.trees.length,
    leaves: booster.trees.reduce((sum, tree) => sum + tree.leafCount, 0),
    modelSha256,
  };
}

/**
 * Returns the names in the model's text. If the model was trained without names, LightGBM calls its features Column_0,
 * Column_1 and so on; the names in the metadata are then used instead.
 */
function featureNames(file: string, ofModel: readonly string[], ofMetadata: readonly string[]): readonly string[] {
  if (ofMetadata.length !== ofModel.length) {
    const counts = `${ofMetadata.length} names, but the model has ${ofModel.length} features`;
    throw new ArtifactError(file, `feature_names has ${counts}`);
  }
  return ofModel.every((name, i) => name === `Column_${i}`) ? ofMetadata : ofModel;
}
