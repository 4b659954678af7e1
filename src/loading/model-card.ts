/** Makes the card of a model, the facts that answers and admin routes show, from its metadata and its parsed text. */
import { type Calibrator, calibratedScore } from '../artifact/calibrator.js';
import { ArtifactError } from '../errors.js';
import { type Booster, splitImportance } from '../model/booster.js';
import { predictions, rawScores } from '../model/tree-walk.js';
import type { ModelCard } from '../scoring/model-card.js';
import { exampleRow } from './example-row.js';
import type { Artifact } from './fetch.js';
import { quote } from '../quote.js';

/**
 * @param unexplained why the image has no explanation
 * @throws ArtifactError if metadata and model have different numbers of features
 */
export function cardOf(artifact: Artifact, booster: Booster, unexplained: string | undefined): ModelCard {
  const { version, metadata, metadataFile, modelSha256, calibrator } = artifact;
  const featureNames = featureNamesOf(metadataFile, booster.featureNames, metadata.featureNames);
  const row = exampleRow(booster, featureNames, metadata);
  return {
    version,
    modelVersion: metadata.modelVersion,
    calibrationVersion: metadata.calibrationVersion,
    featureSetVersion: metadata.featureSetVersion,
    featureNames,
    importance: Array.from(splitImportance(booster)),
    exampleRow: row,
    exampleScore: scoreOf(row, booster, calibrator),
    objective: booster.objective.name,
    unexplained,
    trees: booster.trees.length,
    leaves: booster.trees.reduce((sum, tree) => sum + tree.leafCount, 0),
    modelSha256,
  };
}

/** The calibrated score of a row, for examples: its last bits may differ from those that the kernel answers. */
function scoreOf(row: readonly number[], booster: Booster, calibrator: Calibrator | undefined): number {
  // A typed array, as everywhere that the walk is used: V8 would allocate an object for every value.
  const raw = rawScores(booster, Float64Array.from(row));
  const [prediction] = predictions(booster, raw);
  return calibratedScore(calibrator, { raw: raw[0], prediction });
}

/**
 * The model's own names rule; where it was trained without names, LightGBM calls them Column_0, Column_1, ... and
 * metadata's are used.
 * @throws ArtifactError naming `file` where the metadata has another number of them, or the same in another order: a
 * client that follows it would send its values in the wrong places
 */
export function featureNamesOf(
  file: string,
  ofModel: readonly string[],
  ofMetadata: readonly string[],
): readonly string[] {
  if (ofMetadata.length !== ofModel.length) {
    const counts = `${ofMetadata.length} names, but the model has ${ofModel.length} features`;
    throw new ArtifactError(file, `feature_names has ${counts}`);
  }
  if (!areNames(ofModel)) return ofMetadata;
  const first = firstDifference(ofModel, ofMetadata);
  const isReordered = first >= 0 && new Set([...ofModel, ...ofMetadata.map(asWritten)]).size === ofModel.length;
  if (isReordered)
    throw new ArtifactError(
      file,
      `feature_names are the model's own in another order: ${differenceAt(first, ofModel, ofMetadata)}`,
    );
  return ofModel;
}

/** LightGBM writes spaces as underscores. */
const asWritten = (name: string): string => name.replaceAll(' ', '_');

/** Index of the first feature that the two call differently; -1 where there is none. */
const firstDifference = (ofModel: readonly string[], ofMetadata: readonly string[]): number =>
  ofModel.findIndex((name, i) => name !== asWritten(ofMetadata[i]));

const differenceAt = (feature: number, ofModel: readonly string[], ofMetadata: readonly string[]): string =>
  `feature ${feature} is ${quote(ofModel[feature])} there and ${quote(ofMetadata[feature])} here`;

/**
 * Warns where the model's own names, which rule, are not those of the metadata: a client that follows the metadata
 * would send its values in another order, or under other names.
 * @returns a sentence naming `file`, or nothing
 */
export function nameWarnings(file: string, ofModel: readonly string[], ofMetadata: readonly string[]): string[] {
  if (ofMetadata.length !== ofModel.length || !areNames(ofModel)) return [];
  const first = firstDifference(ofModel, ofMetadata);
  if (first < 0) return [];
  const example = differenceAt(first, ofModel, ofMetadata);
  return [`${file}: feature_names differ from the model's own, which the server uses: ${example}`];
}

/** Whether a model was trained with names: LightGBM writes Column_0, Column_1, ... where it was not. */
const areNames = (names: readonly string[]): boolean => !names.every((name, i) => name === `Column_${i}`);
