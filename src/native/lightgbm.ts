/** LightGBM itself, called through its C API. */
import { Booster } from './booster.js';
import { buildLightGBM, findLightGBMSource } from './build.js';
import { Dataset, type DatasetSource } from './dataset.js';
import { type Library, loadLibrary } from './library.js';
import type { Parameters } from './parameters.js';

export type { Booster, PredictOptions, SingleRowPredictor } from './booster.js';
export type { Dataset, DatasetSource } from './dataset.js';
export type { Parameters, ParameterValue } from './parameters.js';

export class LightGBM {
  /** LightGBM's own version, such as `4.1.0.99`. */
  readonly version: string;
  readonly #library: Library;

  constructor(library: Library, version: string) {
    this.#library = library;
    this.version = version;
  }

  /** @throws LightscoreError NATIVE_FAILED if LightGBM refuses the text */
  load(modelText: string): Booster {
    // LightGBM uses tree_sizes as offsets without a check, and crashes where an edit or other line ends made them
    // wrong. Without that line, it reads one tree after the other.
    return Booster.load(this.#library, modelText.replace(/^tree_sizes=[^\n]*\n/m, ''));
  }

  dataset(source: DatasetSource): Dataset {
    return Dataset.create(this.#library, source);
  }

  /**
   * A booster to be trained on `train`. Its parameters must agree with the data set's (`max_bin`, `categorical_feature`
   * and so on).
   */
  booster(train: Dataset, parameters: Parameters): Booster {
    return Booster.forTraining(this.#library, train, parameters);
  }

  /** Every parameter that LightGBM knows, with its other names. */
  parameterAliases(): Record<string, string[]> {
    const length = new BigInt64Array(1);
    let text: Buffer = Buffer.alloc(1 << 16);
    this.#library.call('LGBM_DumpParamAliases', text.length, length, text);
    if (Number(length[0]) > text.length) {
      text = Buffer.alloc(Number(length[0]));
      this.#library.call('LGBM_DumpParamAliases', text.length, length, text);
    }
    const aliases: Record<string, string[]> = JSON.parse(text.toString('utf8', 0, Number(length[0]) - 1));
    return aliases;
  }

  /**
   * Passes LightGBM's own messages to `listener`, a line at a time. Before that they go to standard error.
   * `verbosity=-1` silences most of them.
   */
  onLog(listener: (line: string) => void): void {
    this.#library.onLog(listener);
  }
}

let opened: Promise<LightGBM> | undefined;

/**
 * The one LightGBM of this thread, built first where that has not been done (see {@link buildLightGBM}).
 * @param progress receives the build's progress, one plain line at a time; standard error by default
 * @throws LightscoreError NATIVE_UNAVAILABLE naming what is missing
 */
export async function openLightGBM(progress?: (line: string) => void): Promise<LightGBM> {
  // A failure is not kept: what was missing may have been installed by the next call.
  opened ??= open(progress).catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return await opened;
}

async function open(progress?: (line: string) => void): Promise<LightGBM> {
  const source = findLightGBMSource();
  return new LightGBM(await loadLibrary(await buildLightGBM(source, progress)), source.version);
}
