/** Reads a version's calibrator, whichever of the files it is. */
import { type Calibrator, type CalibratorInput, readCalibratorJson } from './calibrator.js';
import type { CALIBRATOR_FILES } from './files.js';
import { readPickledCalibrator } from './scikit-learn.js';

export interface CalibratorSource {
  readonly name: (typeof CALIBRATOR_FILES)[number];
  readonly bytes: Uint8Array;
  /** Its path, for messages. */
  readonly file: string;
  /** What metadata.json says that it was fitted on; a calibrator.json that says so itself rules. */
  readonly input: CalibratorInput | undefined;
}

/**
 * @returns undefined where the file says that there is no calibrator
 * @throws ArtifactError naming the file and what is wrong with it
 */
export function readCalibrator({ name, bytes, file, input }: CalibratorSource): Calibrator | undefined {
  return name === 'calibrator.json'
    ? readCalibratorJson(bytes, file, input)
    : readPickledCalibrator(bytes, file, input);
}
