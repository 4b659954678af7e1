/** Native LightGBM as one of the scorers of the self-check, if it is built. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import type { NativeAnswer, NativeModel, NativeRows } from '../native/score-process.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import type { KnownScores } from './known-scores.js';

/** Whether native LightGBM is built already; the self-check does not build it. */
async function builtLightGBM(): Promise<boolean> {
  const { findLightGBMSource } = await import('../native/build.js');
  try {
    return existsSync(findLightGBMSource().library);
  } catch (error) {
    if (error instanceof LightscoreError && error.code === 'NATIVE_UNAVAILABLE') return false;
    throw error;
  }
}

/** LightGBM is ended if it takes longer than this. */
const NATIVE_TIMEOUT_MS = 120_000;

/**
 * Returns native LightGBM's scores of rows; undefined if it is not built (it is a development dependency). Call it only
 * once.
 */
export type NativeScores = (rows: Float64Array, count: number) => Promise<KnownScores | undefined>;

/**
 * Starts native LightGBM with a model in a child process, because a text that it cannot read may end its process.
 * @param signal ends the process
 * @returns a function that throws ArtifactError if LightGBM refuses the model
 */
export function startNative(modelText: string, file: string, signal: AbortSignal): NativeScores {
  const started = builtLightGBM().then((isBuilt) =>
    isBuilt && !signal.aborted ? new NativeProcess(modelText, signal) : undefined,
  );
  // The returned function reports a failure to start. If a load ends without calling it, the failure does not matter.
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
    // With the helper threads of a second V8, both cores of a small machine would be busy and delay the event loop.
    const options: ForkOptions = {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: ['--single-threaded'],
      timeout: NATIVE_TIMEOUT_MS,
      signal,
    };
    this.#child = fork(new URL('../../workers/native-scores.js', import.meta.url), options);
    // Like the loader's thread, the process runs with a lower priority than scoring.
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, constants.priority.PRIORITY_LOW);
    this.#answer = new Promise((resolve) => {
      this.#child.once('message', (message) => resolve(message as NativeAnswer));
      // There may be several errors, as ending the process by the signal is one too.
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

  /** Errors of sending are ignored: if the process has ended, its exit code gives the reason. */
  #send(message: NativeModel | NativeRows): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}
