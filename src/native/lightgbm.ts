/** Native LightGBM: the entry to this folder. */
import { Booster } from './booster.js';
import { buildLightGBM, findLightGBMSource } from './build.js';
import { Dataset, type DatasetSource } from './dataset.js';
import { type Library, loadLibrary } from './library.js';
import type { Parameters } from './parameters.js';
import { withoutTreeSizes } from './tree-sizes.js';

export type { Booster, PredictOptions, SingleRowPredictor } from './booster.js';
export type { Dataset, DatasetSource } from './dataset.js';
export type { Parameters, ParameterValue } from './parameters.js';

/** LightGBM itself, called through its C API. */
export class LightGBM {
  readonly #library: Library;

  constructor(
    library: Library,
    /** A version such as `4.1.0.99`. */
    readonly version: string,
  ) {
    this.#library = library;
  }

  /** @throws LightscoreError NATIVE_FAILED if LightGBM refuses the text */
  load(modelText: string | Uint8Array): Booster {
    return Booster.load(this.#library, withoutTreeSizes(Buffer.from(modelText)));
  }

  dataset(source: DatasetSource): Dataset {
    return Dataset.create(this.#library, source);
  }

  /**
   * Creates a booster to train on `train`. Its parameters must agree with the data set's (`max_bin`,
   * `categorical_feature`, ...).
   */
  booster(train: Dataset, parameters: Parameters): Booster {
    return Booster.forTraining(this.#library, train, parameters);
  }

  /** Returns every parameter that LightGBM knows, with its aliases. */
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
   * Sends LightGBM's own messages to `listener`, a line at a time; the default is standard error. `verbosity=-1`
   * silences most of them.
   */
  onLog(listener: (line: string) => void): void {
    this.#library.onLog(listener);
  }
}

let opened: Promise<LightGBM> | undefined;

/**
 * Returns the one LightGBM of this thread, and builds it first if necessary (see {@link buildLightGBM}).
 * @param progress receives the build's progress, one plain line at a time; standard error by default
 * @throws LightscoreError NATIVE_UNAVAILABLE naming what is missing
 */
export async function openLightGBM(progress?: (line: string) => void): Promise<LightGBM> {
  // A failure is not cached: what was missing may be installed before the next call.
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
