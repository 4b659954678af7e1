/** Reading of `calibrator.pkl`, a calibrator that scikit-learn fitted. */
import { ArtifactError } from '../errors.js';
import { calibratorFault, type IsotonicCalibrator } from './calibrator.js';
import { decompress } from './joblib.js';
import { NdArray } from './numpy.js';
import { ISOTONIC_REGRESSION } from './pickle-globals.js';
import { readPickle } from './pickle.js';
import { type PickledDict, PickledInstance, PickleRefusal, type PickledValue } from './pickle-values.js';

/**
 * Enough for a million float64 thresholds (an x and a y each), far more than any fit leaves, and little enough to
 * decompress in seconds at worst.
 */
const MAX_PICKLE_BYTES = 16 * 1024 * 1024;

/**
 * Reads `calibrator.pkl`: a fitted scikit-learn (1.0 to 1.9) IsotonicRegression, as pickle or joblib write it. The file
 * is read as data, see `readPickle`.
 *
 * `out_of_bounds` must be 'clip'. With 'nan' (scikit-learn's default) a probability outside the thresholds has no
 * score, and with 'raise' it is an error. Either could happen on any request, so both are refused when the model is
 * loaded.
 * @throws ArtifactError naming `file` and what is wrong with it.
 */
export function readPickledCalibrator(bytes: Uint8Array, file: string): IsotonicCalibrator {
  try {
    return isotonicCalibrator(readPickle(decompress(bytes, MAX_PICKLE_BYTES)));
  } catch (cause) {
    if (!(cause instanceof PickleRefusal)) throw cause;
    throw new ArtifactError(file, cause.message, { cause });
  }
}

function isotonicCalibrator(value: PickledValue): IsotonicCalibrator {
  if (!(value instanceof PickledInstance) || value.className !== ISOTONIC_REGRESSION) {
    throw new PickleRefusal('holds no scikit-learn IsotonicRegression');
  }
  const attributes = value.attributes ?? new Map<string, PickledValue>();
  const outOfBounds = attributes.get('out_of_bounds');
  const x = thresholds(attributes, 'X_thresholds_');
  const y = thresholds(attributes, 'y_thresholds_');
  if (outOfBounds === 'nan') {
    throw new PickleRefusal(
      "has out_of_bounds='nan', which answers NaN outside the thresholds; fit it with out_of_bounds='clip'",
    );
  }
  if (outOfBounds === 'raise') {
    throw new PickleRefusal(
      "has out_of_bounds='raise', which fails outside the thresholds; fit it with out_of_bounds='clip'",
    );
  }
  if (outOfBounds !== 'clip') throw new PickleRefusal("has no out_of_bounds='clip'");
  if (x.dtype.itemSize !== y.dtype.itemSize) throw new PickleRefusal('has x and y thresholds of different types');
  const calibrator: IsotonicCalibrator = {
    x: x.toFloat64(),
    y: y.toFloat64(),
    precision: x.dtype.itemSize === 8 ? 'float64' : 'float32',
  };
  const fault = calibratorFault(calibrator);
  if (fault !== undefined) throw new PickleRefusal(fault);
  checkBound(attributes, 'X_min_', calibrator.x[0]);
  checkBound(attributes, 'X_max_', calibrator.x[calibrator.x.length - 1]);
  return calibrator;
}

function thresholds(attributes: PickledDict, name: string): NdArray {
  const value = attributes.get(name);
  if (value === undefined)
    throw new PickleRefusal(
      `holds an IsotonicRegression without ${name}: it was never fitted, or was fitted by scikit-learn before 0.24`,
    );
  if (!(value instanceof NdArray) || value.shape.length !== 1 || value.dtype.kind !== 'f') {
    throw new PickleRefusal(`has a ${name} that is not a one-dimensional array of float32 or float64`);
  }
  return value;
}

/** scikit-learn clips to X_min_ and X_max_, not to the outer thresholds; a fit always makes them equal. */
function checkBound(attributes: PickledDict, name: string, threshold: number): void {
  const bound = attributes.get(name);
  if (bound !== threshold) throw new PickleRefusal(`has an ${name} that is not its outer threshold, ${threshold}`);
}
