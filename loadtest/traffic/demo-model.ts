/** The model of the HTTP benchmarks, with rows like its own and their expected scores. */
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
   * The expected score of a row, by the plain tree walk: independent of the kernel, and equal but for the last bits of
   * V8's exponential.
   */
  readonly expectedScore: (row: Row) => number;
}

/** Rows, in which a missing value is null. */
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
      return calibrate(artifact.calibrator, predictions(booster, raw)[0]);
    },
  };
}
