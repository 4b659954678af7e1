/** Loads one version for scoring in this process. */
import { fileURLToPath } from 'node:url';
import type { Calibrator } from '../artifact/calibrator.js';
import { METADATA_FILE, MODEL_FILE } from '../artifact/files.js';
import { verifyChecksum } from '../artifact/integrity.js';
import type { Metadata } from '../artifact/metadata.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import { quote } from '../quote.js';
import { featureNamesOf } from '../loading/model-card.js';
import { ModelFolder } from '../loading/model-folder.js';
import type { Booster } from '../model/booster.js';
import { InProcessScorer } from '../scoring/in-process.js';
import type { Model } from './model.js';
import { borrowResources, returnResources } from './scoring-memory.js';
import { MulticlassScoringModel, SingleOutputScoringModel } from './scoring-model.js';

/** A `URL`, by its shape: so the package's types need neither the browser's nor Node's. */
export interface FileUrl {
  /** `file:`. */
  readonly protocol: string;
  readonly href: string;
}

/**
 * Loads a version's folder (`lightgbm_model.txt`, and where they are there `calibrator.json` or `calibrator.pkl`, and
 * `metadata.json`), or just a model text, for scoring on this thread. Where metadata.json has checksums, every file
 * that it names is held against its own.
 *
 * @param path of the folder, such as `models/v1.0.0`, or of a model text; or its `file:` URL
 * @returns a model to dispose of when it is no longer needed
 * @throws ArtifactError (a LightscoreError, ARTIFACT_INVALID) naming the file that is missing or wrong; LightscoreError
 * MODEL_UNSUPPORTED where the kernel cannot run the model, DATA_INVALID where the path is none
 */
export async function loadModel(path: string | FileUrl): Promise<Model> {
  const folder = await ModelFolder.open(pathOf(path));
  const metadata = (await folder.metadata())?.metadata;
  const { booster, calibrator: inFile } = await folder.model(metadata?.checksums);
  const calibrator = inFile ?? (await calibratorFor(booster, folder, metadata));
  await verifyOthers(folder, metadata?.checksums);
  const facts = {
    featureNames: metadata === undefined ? booster.featureNames : namesIn(folder, metadata, booster),
    modelVersion: metadata?.modelVersion,
    calibrated: calibrator !== undefined,
  };
  const resources = borrowResources();
  try {
    const scorer = new InProcessScorer(booster, { calibrator, resources });
    const Loaded = booster.outputs === 1 ? SingleOutputScoringModel : MulticlassScoringModel;
    return new Loaded(scorer, facts, returnResources);
  } catch (error) {
    returnResources();
    throw error;
  }
}

function pathOf(path: unknown): string {
  if (typeof path === 'string') return path;
  if (path instanceof URL && path.protocol === 'file:') return fileURLToPath(path);
  const given = path instanceof URL ? quote(path.href) : `of type ${typeof path}`;
  throw new LightscoreError('DATA_INVALID', `the path of the model is ${given}, not a text or a file: URL`);
}

function namesIn(folder: ModelFolder, metadata: Metadata, booster: Booster): readonly string[] {
  return featureNamesOf(folder.path(METADATA_FILE), booster.featureNames, metadata.featureNames);
}

async function calibratorFor(
  { outputs }: Booster,
  folder: ModelFolder,
  metadata: Metadata | undefined,
): Promise<Calibrator | undefined> {
  const name = folder.calibratorName;
  if (name === undefined) return undefined;
  if (outputs > 1) throw new ArtifactError(folder.path(name), `is for one output, and the model has ${outputs}`);
  return await folder.calibrator(metadata);
}

/** The files that metadata.json has checksums of and scoring does not read, as the server holds them against theirs. */
async function verifyOthers(folder: ModelFolder, checksums: Metadata['checksums']): Promise<void> {
  for (const [name, expected] of checksums ?? []) {
    if (name === MODEL_FILE || name === folder.calibratorName) continue;
    const file = folder.path(name);
    if (!folder.names.includes(name)) throw new ArtifactError(file, 'is missing, but metadata.json has its checksum');
    verifyChecksum({ file, actual: await folder.checksum(name), expected });
  }
}
