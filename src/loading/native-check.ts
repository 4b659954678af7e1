/** Native LightGBM, if it is built, as one of the scorers that a new image is compared with. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import type { NativeAnswer, NativeModel, NativeRows } from '../native/score-process.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import type { KnownScores } from './known-scores.js';

/** Whether native LightGBM is already built; it is never built for a load. */
async function builtLightGBM(): Promise<boolean> {
  const { findLightGBMSource } = await import('../native/build.js');
  try {
    return existsSync(findLightGBMSource().library);
  } catch (error) {
    if (error instanceof LightscoreError && error.code === 'NATIVE_UNAVAILABLE') return false;
    throw error;
  }
}

/** The process is killed after this time, and a large model's after so much more for each byte of its text. */
const NATIVE_TIMEOUT_MS = 120_000;
const NATIVE_TIMEOUT_MS_PER_BYTE = 0.001;

/** Scores rows with native LightGBM, once; undefined if it is not built, as it is a development dependency. */
export type NativeScores = (rows: Float64Array, count: number) => Promise<KnownScores | undefined>;

export interface NativeCheck {
  readonly modelText: Uint8Array;
  /** The model's file, for messages. */
  readonly file: string;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

/**
 * Starts native LightGBM on a model, in a process of its own, because a text that LightGBM cannot read ends the process
 * that it runs in.
 * @returns a function that throws ArtifactError if LightGBM refuses the model
 */
export function startNative({ modelText, file, signal }: NativeCheck): NativeScores {
  const started = builtLightGBM().then((isBuilt) =>
    isBuilt && !signal.aborted ? new NativeProcess(modelText, signal) : undefined,
  );
  // A failure reaches the caller that asks for scores. If the load ends before that, the failure does not matter.
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

  constructor(modelText: Uint8Array, signal: AbortSignal) {
    // Single-threaded: the helper threads of a second V8 would occupy both cores of a small machine, and delay the
    // event loop.
    const options: ForkOptions = {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: ['--single-threaded'],
      timeout: NATIVE_TIMEOUT_MS + Math.round(modelText.length * NATIVE_TIMEOUT_MS_PER_BYTE),
      signal,
    };
    this.#child = fork(new URL('../../workers/native-scores.js', import.meta.url), options);
    // The process runs at a low priority, like the loader itself, so that scoring comes first.
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, constants.priority.PRIORITY_LOW);
    this.#answer = new Promise((resolve) => {
      this.#child.once('message', (message) => resolve(message as NativeAnswer));
      // `on`, not `once`: when the signal ends the process, that is reported as a further error.
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

  /** Ignores a failed send: if the process ends before it has read everything, its exit is the answer. */
  #send(message: NativeModel | NativeRows): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}
