/** The names of an artifact's files, and when a version is complete. */
export const MODEL_FILE = 'lightgbm_model.txt';
export const METADATA_FILE = 'metadata.json';
export const SIGNATURE_FILE = 'metadata.sig';
export const SELF_CHECK_FILE = 'self_check.json';

/** In order of preference: if a version has both, the portable form is read. */
export const CALIBRATOR_FILES = ['calibrator.json', 'calibrator.pkl'] as const;

/** Warns if a version has both calibrators: the two may differ, and only one is read. */
export function calibratorWarnings(has: (name: string) => boolean, path: (name: string) => string): string[] {
  const [used, ...others] = CALIBRATOR_FILES.filter(has);
  return others.map((name) => `${path(name)}: is ignored, because the version also has ${used}`);
}

/** Whether a version has every file that serving needs: model, calibrator and metadata; metadata is written last. */
export function isComplete(names: readonly string[]): boolean {
  return missingFiles(names).length === 0;
}

/** What a version lacks of the files that serving needs; one of the calibrators is enough. */
export function missingFiles(names: readonly string[]): string[] {
  return [
    ...[MODEL_FILE].filter((name) => !names.includes(name)),
    ...(CALIBRATOR_FILES.some((name) => names.includes(name)) ? [] : [CALIBRATOR_FILES.join(' or ')]),
    ...[METADATA_FILE].filter((name) => !names.includes(name)),
  ];
}
