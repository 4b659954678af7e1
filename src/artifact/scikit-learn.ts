/** Reading of `calibrator.pkl`, a calibrator that scikit-learn fitted. */
import { ArtifactError } from '../errors.js';
import {
  type Calibrator,
  type CalibratorInput,
  calibratorFault,
  type IsotonicCalibrator,
  type SigmoidCalibrator,
} from './calibrator.js';
import { decompress } from './joblib.js';
import { NdArray } from './numpy.js';
import { ISOTONIC_REGRESSION, LOGISTIC_REGRESSION, SIGMOID_CALIBRATION } from './pickle-globals.js';
import { OPCODE_LIMITS, readPickle } from './pickle.js';
import {
  type PickledDict,
  PickledInstance,
  PickledTuple,
  PickleGlobal,
  PickleRefusal,
  type PickledValue,
  printable,
} from './pickle-values.js';

/**
 * Enough for a million float64 thresholds (an x and a y each), far more than any fit leaves, and little enough to
 * decompress in seconds at worst.
 */
const MAX_PICKLE_BYTES = 16 * 1024 * 1024;

const CLIP_IT = "set calibrator.out_of_bounds = 'clip' and dump it again";

/**
 * Reads `calibrator.pkl`: a fitted calibrator of scikit-learn (1.0 to 1.9), as pickle or joblib write it, alone or in a
 * dict, list or tuple without another. The file is read as data, see `readPickle`.
 *
 * - `IsotonicRegression`. `out_of_bounds` must be 'clip'. With 'nan' (scikit-learn's default) a probability outside the
 *   thresholds has no score, and with 'raise' it is an error. Either could happen on any request, so both are refused
 *   when the model is loaded.
 * - `_SigmoidCalibration`, as `CalibratedClassifierCV(method='sigmoid')` fits it.
 * - `LogisticRegression` with one coefficient, for two classes.
 *
 * @param input what it was fitted on: a pickle does not say
 * @throws ArtifactError naming `file` and what is wrong with it.
 */
export function readPickledCalibrator(
  bytes: Uint8Array,
  file: string,
  input: CalibratorInput = 'probability',
): Calibrator {
  try {
    const found = onlyCalibrator(
      readPickle(decompress(bytes, { maxBytes: MAX_PICKLE_BYTES, of: 'a calibrator' }), OPCODE_LIMITS.calibrator),
    );
    return { ...calibratorOf(found), input };
  } catch (cause) {
    if (!(cause instanceof PickleRefusal)) throw cause;
    throw new ArtifactError(file, cause.message, { cause });
  }
}

const READERS: Readonly<Record<string, (attributes: PickledDict) => Calibrator>> = {
  [ISOTONIC_REGRESSION]: isotonicCalibrator,
  [SIGMOID_CALIBRATION]: sigmoidCalibration,
  [LOGISTIC_REGRESSION]: logisticRegression,
};

const isNumeric = (value: PickledValue | undefined): value is NdArray =>
  value instanceof NdArray && value.dtype.isNumeric;

/** The one calibrator that a value is, or holds. */
function onlyCalibrator(value: PickledValue): PickledInstance {
  if (value instanceof PickledInstance && Object.hasOwn(READERS, value.className)) return value;
  const inside = itemsOf(value).filter(
    (item): item is PickledInstance => item instanceof PickledInstance && Object.hasOwn(READERS, item.className),
  );
  if (inside.length === 1) return inside[0];
  if (inside.length > 1)
    throw new PickleRefusal(`holds ${inside.length} calibrators; dump the one that belongs to this model`);
  const name = value instanceof PickledInstance ? value.className : value instanceof PickleGlobal ? value.name : '';
  const what = name === '' ? '' : `is of class ${printable(name)}: it `;
  throw new PickleRefusal(
    `${what}holds no calibrator that can be read: dump the fitted IsotonicRegression, _SigmoidCalibration or ` +
      'LogisticRegression itself, joblib.dump(calibrator, "calibrator.pkl")',
  );
}

function itemsOf(value: PickledValue): readonly PickledValue[] {
  if (value instanceof Map) return [...value.values()];
  if (value instanceof PickledTuple) return value.items;
  return Array.isArray(value) ? value : [];
}

/** A fitted calibrator, as scikit-learn holds it. @throws PickleRefusal */
export function calibratorOf({ className, attributes = new Map() }: PickledInstance): Calibrator {
  if (!Object.hasOwn(READERS, className))
    throw new PickleRefusal(`holds a calibrator of class ${printable(className)}, which is not read`);
  const calibrator = READERS[className](attributes);
  const fault = calibratorFault(calibrator);
  if (fault !== undefined) throw new PickleRefusal(fault);
  return calibrator;
}

/** scikit-learn: expit(-(a_ * x + b_)). */
function sigmoidCalibration(attributes: PickledDict): SigmoidCalibrator {
  const [a, b] = [attributes.get('a_'), attributes.get('b_')];
  if (typeof a !== 'number' || typeof b !== 'number')
    throw new PickleRefusal('holds a _SigmoidCalibration without a_ and b_: it was never fitted');
  return { type: 'sigmoid', input: 'probability', a, b };
}

/** scikit-learn: expit(coef_ * x + intercept_) is the probability of the second class. */
function logisticRegression(attributes: PickledDict): SigmoidCalibrator {
  const [coefficients, intercepts] = [attributes.get('coef_'), attributes.get('intercept_')];
  if (!isNumeric(coefficients) || !isNumeric(intercepts))
    throw new PickleRefusal('holds a LogisticRegression without coef_ and intercept_: it was never fitted');
  const [coefficient, ...others] = coefficients.toFloat64();
  const [intercept] = intercepts.toFloat64();
  if (coefficient === undefined || others.length > 0 || intercept === undefined)
    throw new PickleRefusal(
      `holds a LogisticRegression with ${others.length + 1} coefficients; a calibrator has one, for the model's score`,
    );
  return { type: 'sigmoid', input: 'probability', a: -coefficient, b: -intercept };
}

function isotonicCalibrator(attributes: PickledDict): IsotonicCalibrator {
  const outOfBounds = attributes.get('out_of_bounds');
  const x = thresholds(attributes, 'X_thresholds_');
  const y = thresholds(attributes, 'y_thresholds_');
  if (outOfBounds === 'nan') {
    throw new PickleRefusal("has out_of_bounds='nan', which answers NaN outside the thresholds: " + CLIP_IT);
  }
  if (outOfBounds === 'raise') {
    throw new PickleRefusal("has out_of_bounds='raise', which fails outside the thresholds: " + CLIP_IT);
  }
  if (outOfBounds !== 'clip') throw new PickleRefusal("has no out_of_bounds='clip'");
  if (x.dtype.itemSize !== y.dtype.itemSize) throw new PickleRefusal('has x and y thresholds of different types');
  const calibrator: IsotonicCalibrator = {
    type: 'isotonic',
    input: 'probability',
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
  if (!(value instanceof NdArray) || value.shape.length !== 1 || !/^f[48]$/.test(value.dtype.code)) {
    throw new PickleRefusal(`has a ${name} that is not a one-dimensional array of float32 or float64`);
  }
  return value;
}

/** scikit-learn clips to X_min_ and X_max_, not to the outer thresholds; a fit always makes them equal. */
function checkBound(attributes: PickledDict, name: string, threshold: number): void {
  const bound = attributes.get(name);
  if (bound !== threshold) throw new PickleRefusal(`has an ${name} that is not its outer threshold, ${threshold}`);
}
