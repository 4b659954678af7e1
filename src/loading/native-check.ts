/** Native LightGBM as one of the scorers that a new image is held against, where it is built. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import type { NativeAnswer, NativeModel, NativeRows } from '../native/score-process.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import type { KnownScores } from './known-scores.js';

/** Whether a native LightGBM stands ready; nothing is built for this. */
async function builtLightGBM(): Promise<boolean> {
  const { findLightGBMSource } = await import('../native/build.js');
  try {
    return existsSync(findLightGBMSource().library);
  } catch (error) {
    if (error instanceof LightscoreError && error.code === 'NATIVE_UNAVAILABLE') return false;
    throw error;
  }
}

/** LightGBM may take this long before it counts as stuck. */
const NATIVE_TIMEOUT_MS = 120_000;

/** What native LightGBM makes of rows; undefined where it is not built (it is a development dependency). Asked once. */
export type NativeScores = (rows: Float64Array, count: number) => Promise<KnownScores | undefined>;

/**
 * Starts native LightGBM on a model, in a process of its own: a text that LightGBM cannot read ends the process that it
 * runs in.
 * @param signal ends it
 * @returns a function that throws ArtifactError where LightGBM refuses the model
 */
export function startNative(modelText: string, file: string, signal: AbortSignal): NativeScores {
  const started = builtLightGBM().then((isBuilt) =>
    isBuilt && !signal.aborted ? new NativeProcess(modelText, signal) : undefined,
  );
  // What goes wrong is told to whoever asks; a load that ends before it does is nobody's failure.
  started.catch(() => {});
  return async (rows, count) => {
    const answer = await (await started)?.scores(rows);
    if (answer === undefined || 'unavailable' in answer) return undefined;
    if ('refused' in answer) throw new ArtifactError(file, `self-check: ${answer.refused}`);
    return { by: `LightGBM ${answer.version}`, rows, raw: answer.raw, count };
  };
}

class NativeProcess {
  readonly #child: ChildProcess;
  readonly #answer: Promise<NativeAnswer>;

  constructor(modelText: string, signal: AbortSignal) {
    // One thread: with the helpers of another V8 both cores of a small machine would be busy, and the event loop would
    // wait for them.
    const options: ForkOptions = {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: ['--single-threaded'],
      timeout: NATIVE_TIMEOUT_MS,
      signal,
    };
    this.#child = fork(new URL('../../workers/native-scores.js', import.meta.url), options);
    // As the loader itself: scoring comes first.
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, constants.priority.PRIORITY_LOW);
    this.#answer = new Promise((resolve) => {
      this.#child.once('message', (message) => resolve(message as NativeAnswer));
      // Every one: being ended is an error too.
      this.#child.on('error', (error) => resolve({ refused: error.message }));
      this.#child.once('exit', (code, ended) =>
        resolve({ refused: `LightGBM ended with ${ended ?? `exit code ${code}`} on this model` }),
      );
    });
    this.#send({ modelText });
  }

  scores(rows: Float64Array): Promise<NativeAnswer> {
    this.#send({ rows });
    return this.#answer;
  }

  /** Where the process ends before it has read everything, its exit tells. */
  #send(message: NativeModel | NativeRows): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}
