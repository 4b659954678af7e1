/** The model of the HTTP benchmarks, with rows of its distribution and the scores they must get. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calibratedScore } from '../../src/artifact/calibrator.js';
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
   * Returns the score that `row` must get, by the plain tree walk: independent of the kernel, and equal to it but for
   * the last bits of the exponential.
   */
  readonly expectedScore: (row: Row) => number;
}

/** Returns the rows of the golden data set; null is a missing value. */
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
    expectedScore: (row) => {
      const raw = rawScores(
        booster,
        Float64Array.from(row, (value) => value ?? NaN),
      );
      return calibratedScore(artifact.calibrator, { raw: raw[0], prediction: predictions(booster, raw)[0] });
    },
  };
}
