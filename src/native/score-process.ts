/** The child process for native LightGBM: it receives a model text and then rows, sends raw scores, and exits. */
import { once } from 'node:events';
import { LightscoreError } from '../errors.js';
import { openLightGBM } from './lightgbm.js';

/** The first message to the process. */
export interface NativeModel {
  readonly modelText: Uint8Array;
}

/** The second message to the process. */
export interface NativeRows {
  /** [rows][features] */
  readonly rows: Float64Array;
}

export type NativeAnswer =
  | { readonly raw: Float64Array; readonly version: string }
  | { readonly refused: string }
  | { readonly unavailable: true };

/** Answers the parent process once. */
export function runScoreProcess(): void {
  process.once('message', (model) => {
    // The rows may arrive while the model is being read.
    const rows = once(process, 'message');
    answer(model as NativeModel, rows).then(
      (answered) => process.send?.(answered, () => process.disconnect()),
      (error: unknown) => {
        throw error;
      },
    );
  });
}

async function answer({ modelText }: NativeModel, message: Promise<readonly unknown[]>): Promise<NativeAnswer> {
  try {
    const lightgbm = await openLightGBM();
    const booster = lightgbm.load(modelText);
    const [{ rows }] = (await message) as readonly [NativeRows];
    return { raw: booster.predictRaw(rows), version: lightgbm.version };
  } catch (error) {
    if (!(error instanceof LightscoreError)) throw error;
    return error.code === 'NATIVE_UNAVAILABLE' ? { unavailable: true } : { refused: error.message };
  }
}
