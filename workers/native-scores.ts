/** A process of its own for native LightGBM: reads one model text and rows, answers with its raw scores, and ends. */
import { LightscoreError } from '../src/errors.js';
import { openLightGBM } from '../src/native/lightgbm.js';

export interface NativeQuestion {
  readonly modelText: string;
  /** [rows][features] */
  readonly rows: Float64Array;
}

export type NativeAnswer = { readonly raw: Float64Array; readonly version: string } | { readonly refused: string } | { readonly unavailable: true };

process.once('message', (question) => {
  ask(question as NativeQuestion).then(
    (answer) => process.send?.(answer, () => process.disconnect()),
    (error: unknown) => {
      throw error;
    },
  );
});

async function ask({ modelText, rows }: NativeQuestion): Promise<NativeAnswer> {
  try {
    const lightgbm = await openLightGBM();
    const booster = lightgbm.load(modelText);
    return { raw: booster.predictRaw(rows), version: lightgbm.version };
  } catch (error) {
    if (!(error instanceof LightscoreError)) throw error;
    return error.code === 'NATIVE_UNAVAILABLE' ? { unavailable: true } : { refused: error.message };
  }
}
