/** LightGBM's shared library and the functions of its C API, called through koffi. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

import { LightscoreError, messageOf } from '../errors.js';
import { installCommand } from '../installation.js';

/** An address inside the library; koffi represents pointers as BigInt. */
export type Pointer = bigint;

/** The arguments for an address of the C API: memory owned by JavaScript, an address, or null. */
export type Memory = NodeJS.ArrayBufferView | Pointer | null;

export const FLOAT32 = 0;
export const FLOAT64 = 1;
export const INT32 = 2;

/** Matches the source location at the end of LightGBM's messages, which a user cannot act on. */
const SOURCE_PLACE = / at \S+, line \d+ *\.?\s*$/;

/**
 * Copies text to memory of its own, terminated by a zero: koffi copies `str` arguments to a block of 1 MiB, and a
 * model's text may be larger.
 */
export function cString(text: Uint8Array): Buffer {
  return Buffer.concat([text, Buffer.of(0)]);
}

/**
 * The functions of LightGBM's C API that this project calls, with the types of `c_api.h` (4.1).
 *
 * All addresses are `void *`, so that typed arrays are passed without a copy. Each function returns 0, or -1 with the
 * reason in `LGBM_GetLastError`.
 */
const SIGNATURES = {
  LGBM_RegisterLogCallback: 'int LGBM_RegisterLogCallback(void *callback)',
  LGBM_DumpParamAliases: 'int LGBM_DumpParamAliases(int64_t capacity, void *length, void *text)',
  LGBM_DatasetCreateFromMat:
    'int LGBM_DatasetCreateFromMat(void *data, int type, int32_t rows, int32_t columns, int rowMajor, ' +
    'str parameters, void *reference, void *out)',
  LGBM_DatasetGetSubset:
    'int LGBM_DatasetGetSubset(void *dataset, void *rows, int32_t count, str parameters, void *out)',
  LGBM_DatasetSetFeatureNames: 'int LGBM_DatasetSetFeatureNames(void *dataset, const char **names, int count)',
  LGBM_DatasetSetField: 'int LGBM_DatasetSetField(void *dataset, str field, void *data, int count, int type)',
  LGBM_DatasetFree: 'int LGBM_DatasetFree(void *dataset)',
  LGBM_BoosterCreate: 'int LGBM_BoosterCreate(void *train, str parameters, void *out)',
  LGBM_BoosterLoadModelFromString: 'int LGBM_BoosterLoadModelFromString(void *text, void *iterations, void *out)',
  LGBM_BoosterFree: 'int LGBM_BoosterFree(void *booster)',
  LGBM_BoosterMerge: 'int LGBM_BoosterMerge(void *booster, void *other)',
  LGBM_BoosterAddValidData: 'int LGBM_BoosterAddValidData(void *booster, void *dataset)',
  LGBM_BoosterGetNumClasses: 'int LGBM_BoosterGetNumClasses(void *booster, void *out)',
  LGBM_BoosterUpdateOneIter: 'int LGBM_BoosterUpdateOneIter(void *booster, void *finished)',
  LGBM_BoosterRollbackOneIter: 'int LGBM_BoosterRollbackOneIter(void *booster)',
  LGBM_BoosterGetCurrentIteration: 'int LGBM_BoosterGetCurrentIteration(void *booster, void *out)',
  LGBM_BoosterNumModelPerIteration: 'int LGBM_BoosterNumModelPerIteration(void *booster, void *out)',
  LGBM_BoosterGetEvalCounts: 'int LGBM_BoosterGetEvalCounts(void *booster, void *out)',
  LGBM_BoosterGetEvalNames:
    'int LGBM_BoosterGetEvalNames(void *booster, int capacity, void *count, size_t nameCapacity, ' +
    'void *longest, void *names)',
  LGBM_BoosterGetFeatureNames:
    'int LGBM_BoosterGetFeatureNames(void *booster, int capacity, void *count, size_t nameCapacity, ' +
    'void *longest, void *names)',
  LGBM_BoosterGetEval: 'int LGBM_BoosterGetEval(void *booster, int dataset, void *count, void *results)',
  LGBM_BoosterGetNumFeature: 'int LGBM_BoosterGetNumFeature(void *booster, void *out)',
  LGBM_BoosterCalcNumPredict:
    'int LGBM_BoosterCalcNumPredict(void *booster, int rows, int kind, int startIteration, int iterations, ' +
    'void *length)',
  LGBM_BoosterPredictForMat:
    'int LGBM_BoosterPredictForMat(void *booster, void *data, int type, int32_t rows, int32_t columns, ' +
    'int rowMajor, int kind, int startIteration, int iterations, str parameters, void *length, void *results)',
  LGBM_BoosterPredictForMatSingleRowFastInit:
    'int LGBM_BoosterPredictForMatSingleRowFastInit(void *booster, int kind, int startIteration, int iterations, ' +
    'int type, int32_t columns, str parameters, void *out)',
  LGBM_BoosterPredictForMatSingleRowFast:
    'int LGBM_BoosterPredictForMatSingleRowFast(void *config, void *row, void *length, void *results)',
  LGBM_FastConfigFree: 'int LGBM_FastConfigFree(void *config)',
  LGBM_BoosterSaveModelToString:
    'int LGBM_BoosterSaveModelToString(void *booster, int startIteration, int iterations, int importance, ' +
    'int64_t capacity, void *length, void *text)',
  LGBM_BoosterFeatureImportance:
    'int LGBM_BoosterFeatureImportance(void *booster, int iterations, int kind, void *results)',
} as const;

export type FunctionName = keyof typeof SIGNATURES;

export interface Library {
  /** @throws LightscoreError NATIVE_FAILED with LightGBM's own reason where the function returns non-zero */
  call(name: FunctionName, ...args: readonly (Memory | number | string | readonly string[])[]): void;
  /** Calls the C function without a check of the result or any wrapper, for a loop whose time is measured. */
  readonly predictSingleRowFast: (
    config: Pointer,
    row: Float64Array,
    length: BigInt64Array,
    results: Float64Array,
  ) => number;
  address(memory: NodeJS.ArrayBufferView): Pointer;
  /** Sends LightGBM's messages (level and text on one line) on this thread to `listener`. */
  onLog(listener: (line: string) => void): void;
}

/**
 * Loads the shared library at `path` through koffi.
 *
 * Calls are synchronous on purpose: LightGBM keeps its last error, its log level and its log callback per thread, so a
 * call made on another thread (koffi's `async`) would lose the reason of a failure and print to the CLI's standard
 * output.
 * @throws LightscoreError NATIVE_UNAVAILABLE if koffi is not installed or the library does not load here
 */
export async function loadLibrary(path: string): Promise<Library> {
  const koffi = await importKoffi();
  // By default GNU OpenMP's threads spin for milliseconds at every barrier. On cores that other processes use too, that
  // makes training on two threads 20 times slower; a short spin is 3 to 5 times faster than that, and 5% slower on idle
  // cores. OpenMP reads the variable when the library is loaded.
  if (process.env['OMP_WAIT_POLICY'] === undefined) process.env['GOMP_SPINCOUNT'] ??= '3000';
  let native: ReturnType<typeof koffi.load>;
  try {
    native = koffi.load(path);
  } catch (error) {
    const reason = messageOf(error);
    const advice = existsSync(path) ? ` (remove ${dirname(path)} to build it again)` : '';
    throw new LightscoreError('NATIVE_UNAVAILABLE', `native LightGBM cannot be loaded: ${reason}${advice}`, {
      cause: error,
    });
  }
  const lastError: () => string = native.func('const char *LGBM_GetLastError()');
  const functions = new Map<string, (...args: readonly unknown[]) => number>(
    Object.entries(SIGNATURES).map(([name, signature]) => [name, native.func(signature)]),
  );
  const call: Library['call'] = (name, ...args) => {
    if (functions.get(name)?.(...args) !== 0)
      throw new LightscoreError('NATIVE_FAILED', `LightGBM: ${lastError().replace(SOURCE_PLACE, '').trim()}`);
  };

  let listener = toStandardError;
  let pending = '';
  // A line arrives in pieces: "[LightGBM] [Level] ", the text, a line feed.
  const onPiece = (piece: string) => {
    pending += piece;
    if (!pending.endsWith('\n')) return;
    listener(pending.trimEnd());
    pending = '';
  };
  const prototype = koffi.proto('void LogCallback(const char *text)');
  call('LGBM_RegisterLogCallback', koffi.register(onPiece, koffi.pointer(prototype)));
  return {
    call,
    predictSingleRowFast: native.func(SIGNATURES.LGBM_BoosterPredictForMatSingleRowFast),
    address: (memory) => koffi.address(memory),
    onLog: (next) => {
      listener = next;
    },
  };
}

function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function importKoffi(): Promise<(typeof import('koffi'))['default']> {
  try {
    return (await import('koffi')).default;
  } catch (error) {
    const reason = messageOf(error).split('\n', 1)[0];
    throw new LightscoreError(
      'NATIVE_UNAVAILABLE',
      `native LightGBM needs the package koffi (${installCommand(['koffi'])}): ${reason}`,
      {
        cause: error,
      },
    );
  }
}
