/**
 * Models that Python pickled: LightGBM's Booster and scikit-learn wrappers, and CalibratedClassifierCV around them.
 * Read as data, see `readPickle`: the booster stands in them as the text of its model.
 */
import { ArtifactError } from '../errors.js';
import type { Calibrator, CalibratorInput } from './calibrator.js';
import { NdArray } from './numpy.js';
import { OPCODE_LIMITS, readPickle } from './pickle.js';
import {
  ObjectArray,
  PickledInstance,
  PickledText,
  PickleRefusal,
  type PickledDict,
  type PickledValue,
  printable,
} from './pickle-values.js';
import { calibratorOf } from './scikit-learn.js';

export type ClassLabel = string | number | boolean;

/** A booster, and what its probability goes through. */
export interface PickledBooster {
  readonly modelText: Uint8Array;
  /** Iterations that `predict` uses; 0 for all. */
  readonly bestIteration: number;
  /** Of a CalibratedClassifierCV: one a class, or one for two classes. */
  readonly calibrators: readonly Calibrator[];
}

export interface PickledModel {
  /** Its class in Python, such as `lightgbm.sklearn.LGBMClassifier`. */
  readonly className: string;
  /** One, or the folds of a CalibratedClassifierCV, whose answer is the mean of theirs. */
  readonly boosters: readonly PickledBooster[];
  /** In the order of the model's outputs; of a classifier. */
  readonly classLabels: readonly ClassLabel[] | undefined;
}

const BOOSTER = 'lightgbm.basic.Booster';
const WRAPPERS = ['LGBMClassifier', 'LGBMRegressor', 'LGBMRanker', 'LGBMModel'].map(
  (name) => `lightgbm.sklearn.${name}`,
);
const CALIBRATED = 'sklearn.calibration.CalibratedClassifierCV';
const FROZEN = 'sklearn.frozen._frozen.FrozenEstimator';

/** What to do with a class that cannot be read, by the beginning of its name. */
const ADVICE: readonly (readonly [name: string, advice: string])[] = [
  ['xgboost.', 'this server scores LightGBM models'],
  ['catboost.', 'this server scores LightGBM models'],
  ['sklearn.pipeline.', 'save the model in it: pipeline[-1].booster_.save_model("model.txt")'],
  ['sklearn.model_selection.', 'save the best model: search.best_estimator_.booster_.save_model("model.txt")'],
  ['sklearn.isotonic.', 'it is a calibrator: calibrator.pkl beside lightgbm_model.txt'],
  ['sklearn.', 'this server scores LightGBM models'],
];
const DEFAULT_ADVICE = 'save the model in it: model.booster_.save_model("model.txt")';

/** Whether a file begins as a pickle of protocol 2 to 5. */
export const looksPickled = (bytes: Uint8Array): boolean => bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5;

/**
 * @param bytes a pickle or a joblib dump, decompressed
 * @throws ArtifactError naming `file` and what is wrong with it
 */
export function readPickledModel(bytes: Uint8Array, file: string): PickledModel {
  try {
    return modelOf(readPickle(bytes, OPCODE_LIMITS.model));
  } catch (cause) {
    if (!(cause instanceof PickleRefusal)) throw cause;
    throw new ArtifactError(file, cause.message, { cause });
  }
}

function modelOf(value: PickledValue): PickledModel {
  if (!(value instanceof PickledInstance))
    throw new PickleRefusal(`is a pickle, but of no model: ${DEFAULT_ADVICE} writes one`);
  const { className } = value;
  if (className === CALIBRATED) return calibratedModel(value);
  const { booster, classLabels } = fitted(value);
  return { className, boosters: [{ ...booster, calibrators: [] }], classLabels };
}

/** A booster, or the booster of a wrapper. */
function fitted(value: PickledInstance): {
  readonly booster: Omit<PickledBooster, 'calibrators'>;
  readonly classLabels: readonly ClassLabel[] | undefined;
} {
  const { className, attributes = new Map<string, PickledValue>() } = value;
  if (className === FROZEN) return fitted(instance(attributes.get('estimator'), 'a FrozenEstimator without a model'));
  if (className === BOOSTER) return { booster: boosterOf(attributes), classLabels: undefined };
  if (!WRAPPERS.includes(className)) {
    const [, advice] = ADVICE.find(([name]) => className.startsWith(name)) ?? ['', DEFAULT_ADVICE];
    throw new PickleRefusal(`is of class ${printable(className)}, which cannot be read: ${advice}`);
  }
  const name = className.split('.').at(-1);
  const stopsEarly = attributes.get('pred_early_stop') ?? false;
  if (stopsEarly !== false)
    throw new PickleRefusal(`holds a ${name} with pred_early_stop, whose predictions leave out trees: unset it`);
  const inside = instance(attributes.get('_Booster'), `a ${name} that was never fitted`);
  if (inside.className !== BOOSTER || inside.attributes === undefined)
    throw new PickleRefusal(`holds a ${name} without a Booster of LightGBM`);
  return { booster: boosterOf(inside.attributes), classLabels: labelsOf(attributes) };
}

/** Thresholds outside of 0 to 1 are no probabilities, whichever LightGBM fitted the model. */
const isOfRawScores = (calibrator: Calibrator): boolean =>
  calibrator.type === 'isotonic' && (calibrator.x[0] < 0 || calibrator.x[calibrator.x.length - 1] > 1);

/**
 * scikit-learn calibrates what a classifier's decision_function answers, else its probabilities. LightGBM has one from
 * 4.7 on, raw scores; a model that it fitted is known by an attribute.
 */
function inputOf({ className, attributes = new Map() }: PickledInstance): CalibratorInput {
  const frozen = className === FROZEN ? attributes.get('estimator') : undefined;
  if (frozen instanceof PickledInstance) return inputOf(frozen);
  return attributes.has('_fitted_with_feature_names') ? 'raw' : 'probability';
}

function boosterOf(attributes: PickledDict): Omit<PickledBooster, 'calibrators'> {
  // LightGBM 3 calls it `handle`.
  const text = attributes.get('_handle') ?? attributes.get('handle');
  const best = attributes.get('best_iteration');
  if (text instanceof PickledText) return { modelText: text.bytes, bestIteration: iterations(best) };
  if (typeof text !== 'string' || text === '') throw new PickleRefusal('holds a Booster without the text of its model');
  return { modelText: Buffer.from(text), bestIteration: iterations(best) };
}

const iterations = (best: PickledValue | undefined): number =>
  typeof best === 'number' && Number.isSafeInteger(best) && best > 0 ? best : 0;

function labelsOf(attributes: PickledDict): readonly ClassLabel[] | undefined {
  const encoder = attributes.get('_le');
  const classes =
    attributes.get('_classes') ??
    (encoder instanceof PickledInstance ? encoder.attributes?.get('classes_') : undefined);
  return labels(classes);
}

function labels(classes: PickledValue | undefined): readonly ClassLabel[] | undefined {
  if (classes instanceof ObjectArray) {
    const { items } = classes;
    return items.every((item) => typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean')
      ? items
      : undefined;
  }
  if (!(classes instanceof NdArray)) return undefined;
  if (classes.dtype.kind === 'U') return classes.toTexts();
  if (!classes.dtype.isNumeric) return undefined;
  const values = Array.from(classes.toFloat64());
  return classes.dtype.kind === 'b' ? values.map((value) => value !== 0) : values;
}

/** scikit-learn answers the mean of the calibrated probabilities of all folds. */
function calibratedModel({ className, attributes = new Map() }: PickledInstance): PickledModel {
  const folds = attributes.get('calibrated_classifiers_');
  if (!Array.isArray(folds) || folds.length === 0)
    throw new PickleRefusal('holds a CalibratedClassifierCV that was never fitted');
  const boosters = folds.map((fold) => {
    const { attributes: parts = new Map<string, PickledValue>() } = instance(fold, 'a fold that is none');
    // scikit-learn 1.2 renamed base_estimator.
    const estimator = instance(parts.get('estimator') ?? parts.get('base_estimator'), 'a fold without a model');
    const calibrators = parts.get('calibrators') ?? parts.get('calibrators_');
    if (!Array.isArray(calibrators) || calibrators.length === 0)
      throw new PickleRefusal('holds a fold without calibrators');
    return {
      ...fitted(estimator).booster,
      calibrators: calibrators.map((value) => {
        const calibrator = calibratorOf(instance(value, 'a calibrator that is none'));
        return { ...calibrator, input: isOfRawScores(calibrator) ? 'raw' : inputOf(estimator) };
      }),
    };
  });
  return { className, boosters, classLabels: labels(attributes.get('classes_')) };
}

function instance(value: PickledValue | undefined, otherwise: string): PickledInstance {
  if (value instanceof PickledInstance) return value;
  throw new PickleRefusal(`holds ${otherwise}`);
}
