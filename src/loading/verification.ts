/**
 * The gate in front of every version: the kernel scores rows whose raw scores are known from elsewhere, and must agree
 * bit for bit. What it is held against: the plain tree walk on rows of the model's own thresholds, always; the
 * trainer's own LightGBM where the artifact carries `self_check.json`; native LightGBM where it is built.
 */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import type { NativeAnswer, NativeModel, NativeRows } from '../../workers/native-scores.js';
import { parseJsonObject } from '../artifact/json.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import type { BoundKernel } from '../scoring/kernel.js';
import type { Lane } from '../scoring/lane.js';

/** Rows and what somebody else made of them. */
export interface KnownScores {
  /** For messages: whose scores they are. */
  readonly by: string;
  /** [count][features] */
  readonly rows: Float64Array;
  /** [count] */
  readonly raw: ArrayLike<number>;
  readonly count: number;
}

/**
 * @param image address of a single-output model's image
 * @param lane a score lane of that model, free to use
 * @param file names the model in the error
 * @throws ArtifactError with the first row that differs by a bit
 */
export function verifyKernel(kernel: BoundKernel, image: number, lane: Lane, known: KnownScores, file: string): void {
  const { capacity, features } = lane.plan;
  for (let start = 0; start < known.count; start += capacity) {
    const count = Math.min(capacity, known.count - start);
    lane.rows.set(known.rows.subarray(start * features, (start + count) * features));
    kernel.score(image, lane.address, 0, count);
    for (let r = 0; r < count; r++) {
      if (Object.is(lane.raw[r], known.raw[start + r])) continue;
      throw new ArtifactError(
        file,
        `self-check: the kernel scores row ${start + r} as ${lane.raw[r]}, ${known.by} as ${known.raw[start + r]}`,
      );
    }
  }
}

const MOST_KNOWN_ROWS = 100_000;

/**
 * `self_check.json`: `{feature_names, rows, raw_score}`, where a cell is a number, null for missing, "inf" or "-inf".
 * @param featureNames the model's, which the file must have in the same order
 * @throws ArtifactError naming `file` and what is wrong
 */
export function readSelfCheck(bytes: Uint8Array, file: string, featureNames: readonly string[]): KnownScores {
  const { value } = parseJsonObject(bytes, file);
  const names = value['feature_names'];
  if (
    names !== undefined &&
    !(
      Array.isArray(names) &&
      names.length === featureNames.length &&
      names.every((name, i) => name === featureNames[i])
    )
  ) {
    throw new ArtifactError(file, "feature_names are not the model's");
  }
  const rows: unknown = value['rows'];
  const raw: unknown = value['raw_score'];
  if (!Array.isArray(rows) || !Array.isArray(raw) || rows.length !== raw.length)
    throw new ArtifactError(file, 'rows and raw_score must be lists of the same length');
  if (rows.length === 0 || rows.length > MOST_KNOWN_ROWS)
    throw new ArtifactError(file, `has ${rows.length} rows; expected 1 to ${MOST_KNOWN_ROWS}`);
  const width = featureNames.length;
  const values = new Float64Array(rows.length * width);
  rows.forEach((row: unknown, r) => {
    if (!Array.isArray(row) || row.length !== width)
      throw new ArtifactError(file, `rows[${r}] is not a list of ${width} values`);
    row.forEach((cell: unknown, f) => {
      const number = cell === null ? NaN : cell === 'inf' ? Infinity : cell === '-inf' ? -Infinity : cell;
      if (typeof number !== 'number')
        throw new ArtifactError(file, `rows[${r}][${f}] is not a number, null, "inf" or "-inf"`);
      values[r * width + f] = number;
    });
  });
  const scores = raw.map((score: unknown, r) => {
    if (typeof score !== 'number') throw new ArtifactError(file, `raw_score[${r}] is not a number`);
    return score;
  });
  const { lightgbm_version: version } = value;
  return {
    by: `the trainer's LightGBM${typeof version === 'string' ? ` ${version.slice(0, 32)}` : ''} (self_check.json)`,
    rows: values,
    raw: scores,
    count: rows.length,
  };
}

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
