/** The model that HTTP benchmarks are run on, with rows like its own and the scores they must get. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calibrate } from '../../src/artifact/calibrator.js';
import { fetchArtifact } from '../../src/loading/fetch.js';
import type { Booster } from '../../src/model/booster.js';
import { parseBooster } from '../../src/model/parse.js';
import { predictions, rawScores } from '../../src/model/tree-walk.js';
import { FolderStore } from '../../src/store/folder.js';
import { projectRoot } from '../../test/support/project.js';
import type { Row } from './rows.js';

export const MODEL_FOLDER = join(projectRoot, 'test/data/models');
/** 300 trees of 31 leaves over 15 features. */
export const MODEL_VERSION = 'v1.1.0';

export interface DemoModel {
  readonly booster: Booster;
  readonly modelText: string;
  readonly featureNames: readonly string[];
  readonly examples: readonly Row[];
  /**
   * The score `row` must get, by the plain tree walk: another way than the kernel's to the same number, but for the
   * last bits of V8's exponential.
   */
  readonly expectedScore: (row: Row) => number;
}

/** Rows with missing values as null. */
export function exampleRows(): readonly Row[] {
  const golden: { rows: Row[] } = JSON.parse(readFileSync(join(projectRoot, 'test/data/golden.v1.0.0.json'), 'utf8'));
  return golden.rows;
}

export async function loadDemoModel(): Promise<DemoModel> {
  const artifact = await fetchArtifact(new FolderStore(MODEL_FOLDER), MODEL_VERSION);
  const modelText = new TextDecoder().decode(artifact.modelText);
  const booster = parseBooster(modelText, artifact.modelFile);
  return {
    booster,
    modelText,
    featureNames: artifact.metadata.featureNames,
    examples: exampleRows(),
    expectedScore: (row) =>
      calibrate(
        artifact.calibrator,
        predictions(
          booster,
          rawScores(
            booster,
            Float64Array.from(row, (value) => value ?? NaN),
          ),
        )[0],
      ),
  };
}
