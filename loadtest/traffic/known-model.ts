/**
 * Models whose scores are known: read from their folders, scored by the plain tree walk. A score that the walk and the
 * kernel do not agree on is not used as an expectation.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { calibratedScore } from '../../src/artifact/calibrator.js';
import { METADATA_FILE, isComplete } from '../../src/artifact/files.js';
import { LightscoreError } from '../../src/errors.js';
import { type Artifact, fetchArtifact } from '../../src/loading/fetch.js';
import { featureNamesOf } from '../../src/loading/model-card.js';
import { readSelfCheck } from '../../src/loading/trainer-check.js';
import type { Booster } from '../../src/model/booster.js';
import { parseBooster } from '../../src/model/parse.js';
import { predictions, rawScores } from '../../src/model/tree-walk.js';
import { InProcessScorer } from '../../src/scoring/in-process.js';
import { FolderStore } from '../../src/store/folder.js';
import { DoesNotFit } from './does-not-fit.js';
import type { Row } from './rows.js';

/** The walk's exponential is V8's, whose last bit may differ from the kernel's; a steep calibrator multiplies that. */
const TOLERANCE = 1e-9;

export class KnownModel {
  /** The folder of the version. */
  readonly folder: string;
  /** As answers name it. */
  readonly version: string;
  readonly featureNames: readonly string[];
  readonly modelText: string;
  readonly booster: Booster;
  readonly #artifact: Artifact;
  readonly #scorer: InProcessScorer;

  private constructor(folder: string, artifact: Artifact) {
    this.folder = folder;
    this.#artifact = artifact;
    this.version = artifact.metadata.modelVersion;
    this.modelText = new TextDecoder().decode(artifact.modelText);
    this.booster = parseBooster(this.modelText, artifact.modelFile);
    this.featureNames = featureNamesOf(
      artifact.metadataFile,
      this.booster.featureNames,
      artifact.metadata.featureNames,
    );
    if (this.booster.outputs !== 1)
      throw new DoesNotFit(`${folder} has ${this.booster.outputs} outputs, a served model has one`);
    this.#scorer = new InProcessScorer(this.booster, { calibrator: artifact.calibrator });
  }

  /** @throws DoesNotFit with the reason why `folder` holds no version that can be served */
  static async load(folder: string): Promise<KnownModel> {
    const path = resolve(folder);
    try {
      return new KnownModel(folder, await fetchArtifact(new FolderStore(dirname(path)), basename(path)));
    } catch (error) {
      if (error instanceof LightscoreError) throw new DoesNotFit(error.message, { cause: error });
      throw error;
    }
  }

  /** The rows that the trainer has put beside the model, if it has. */
  get trainerRows(): readonly Row[] | undefined {
    const { selfCheck, metadata } = this.#artifact;
    if (selfCheck === undefined) return undefined;
    const { rows, count } = readSelfCheck(selfCheck, `${this.folder}/self_check.json`, metadata.featureNames);
    const width = this.featureNames.length;
    return Array.from({ length: count }, (_, r) =>
      Array.from(rows.subarray(r * width, (r + 1) * width), (value) => (Number.isFinite(value) ? value : null)),
    );
  }

  /**
   * @returns the calibrated score that a server must answer, to the last bit: its raw score is the plain tree walk's
   * @throws Error where kernel and tree walk disagree
   */
  score(row: Row): number {
    const values = Float64Array.from(row, (value) => value ?? NaN);
    const walked = rawScores(this.booster, values);
    const { raw, calibrated } = this.#scorer.score(values);
    const prediction = predictions(this.booster, walked)[0];
    const expected = calibratedScore(this.#artifact.calibrator, { raw: walked[0], prediction });
    const score = calibrated[0];
    if (
      !Object.is(raw[0], walked[0]) ||
      Math.abs(score - expected) > TOLERANCE * Math.max(Math.abs(expected), TOLERANCE)
    )
      throw new Error(
        `${this.folder}: the kernel's score ${raw[0]} is not the tree walk's ${walked[0]} for ${JSON.stringify(row)}`,
      );
    return score;
  }
}

/**
 * @param folder of one version, or of all versions (a server's MODEL_DIR)
 * @returns the models in it
 * @throws DoesNotFit where there is none
 */
export async function loadKnownModels(folder: string): Promise<KnownModel[]> {
  if (!existsSync(folder)) throw new DoesNotFit(`${folder} does not exist`);
  if (existsSync(join(folder, METADATA_FILE))) return [await KnownModel.load(folder)];
  const store = new FolderStore(folder);
  const models: KnownModel[] = [];
  for (const version of await store.versions()) {
    const files = await store.files(version);
    if (isComplete(files.map(({ name }) => name))) models.push(await KnownModel.load(join(folder, version)));
  }
  if (models.length === 0) throw new DoesNotFit(`${folder} holds neither a version of a model nor folders of versions`);
  return models;
}
