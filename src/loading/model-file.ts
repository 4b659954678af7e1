/** What LightGBM users keep a model in, made into the text of the model: the text itself, gzip'd, or pickled. */
import type { Calibrator } from '../artifact/calibrator.js';
import { fileKindOf } from '../artifact/file-kind.js';
import { type ClassLabel, looksPickled, readPickledModel } from '../artifact/pickled-model.js';
import { decompress, isCompressed } from '../artifact/joblib.js';
import { PickleRefusal } from '../artifact/pickle-values.js';
import { ArtifactError } from '../errors.js';
import { firstIterations } from '../model/first-iterations.js';

export interface ModelFile {
  readonly text: Uint8Array;
  /** Of a CalibratedClassifierCV. */
  readonly calibrator: Calibrator | undefined;
  /** Of a classifier that was pickled. */
  readonly classLabels: readonly ClassLabel[] | undefined;
  /** The class in Python; undefined where the file holds a model text. */
  readonly className: string | undefined;
}

/** More than any model text compresses: what expands further is no model. */
const MAX_EXPANSION = 100;
const MIN_EXPANDED_BYTES = 1024 * 1024;

/**
 * @param maxBytes of the file, decompressed
 * @throws ArtifactError naming `file`, what it is, and what to do
 */
export function readModelFile(bytes: Uint8Array, file: string, maxBytes: number): ModelFile {
  const contents = isCompressed(bytes) ? expanded(bytes, file, maxBytes) : bytes;
  if (isModelText(contents))
    return { text: contents, calibrator: undefined, classLabels: undefined, className: undefined };
  if (!looksPickled(contents)) {
    const kind = fileKindOf(contents);
    const reason = kind === undefined ? 'the first line should be "tree"' : `it is ${kind.kind}: ${kind.advice}`;
    throw new ArtifactError(file, `is not a LightGBM model: ${reason}`);
  }
  const { boosters, className, classLabels } = readPickledModel(contents, file);
  const [{ modelText, bestIteration, calibrators }] = boosters;
  if (boosters.length > 1)
    throw new ArtifactError(
      file,
      `holds ${boosters.length} folds, and the mean of several models is not served: fit it with ensemble=False, or ` +
        'around FrozenEstimator(model)',
    );
  if (calibrators.length > 1)
    throw new ArtifactError(file, `holds ${calibrators.length} calibrators, one a class: only one is served`);
  return { text: firstIterations(modelText, bestIteration), calibrator: calibrators[0], classLabels, className };
}

function isModelText(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 6)).toString('latin1');
  return start.startsWith('tree\n') || start === 'tree\r\n';
}

function expanded(bytes: Uint8Array, file: string, maxBytes: number): Uint8Array {
  try {
    const limit = Math.min(maxBytes, Math.max(MIN_EXPANDED_BYTES, MAX_EXPANSION * bytes.byteLength));
    return decompress(bytes, { maxBytes: limit, of: 'a model' });
  } catch (cause) {
    if (!(cause instanceof PickleRefusal)) throw cause;
    throw new ArtifactError(file, cause.message, { cause });
  }
}
