/** Which file of a folder is the model, and which its calibrator, under the names that LightGBM's users give them. */
import { CALIBRATOR_FILES, MODEL_FILE } from './files.js';

/** Names that say what they are, in order of preference. */
const MODEL_NAMES = [
  MODEL_FILE,
  // MLflow, MLServer and KServe, Triton's FIL backend.
  'model.lgb',
  'model.bst',
  'model.txt',
  'model.pkl',
  'model.joblib',
];
const MODEL_ENDINGS = /\.(?:txt|bst|lgb|lgbm|model|pkl|pickle|joblib)(?:\.gz)?$/i;
const OTHERS = /^(?:requirements|python_env|conda|readme|licen[cs]e|notice|label|feature|metric|constraint)/i;
const CALIBRATOR_NAMES = [...CALIBRATOR_FILES, 'calibrator.joblib', 'calibrator.pickle'];

/** @returns the name of the one model file; undefined where there is none, or more than one it might be */
export function modelIn(names: readonly string[]): string | undefined {
  const known = MODEL_NAMES.find((name) => names.includes(name));
  if (known !== undefined) return known;
  const candidates = modelCandidates(names);
  return candidates.length === 1 ? candidates[0] : undefined;
}

/** @returns the names that a model file might have */
export function modelCandidates(names: readonly string[]): string[] {
  return names.filter((name) => MODEL_ENDINGS.test(name) && !OTHERS.test(name) && !CALIBRATOR_NAMES.includes(name));
}

export function calibratorIn(names: readonly string[]): string | undefined {
  return CALIBRATOR_NAMES.find((name) => names.includes(name));
}
