/**
 * The gate in front of every version: the kernel scores rows whose raw scores are known from elsewhere, and must agree bit for bit.
 * What it is held against: the plain tree walk on rows of the model's own thresholds, always; the trainer's own LightGBM where the
 * artifact carries `self_check.json`; native LightGBM where it is built.
 */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import type { NativeAnswer, NativeQuestion } from '../../workers/native-scores.js';
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
      throw new ArtifactError(file, `self-check: the kernel scores row ${start + r} as ${lane.raw[r]}, ${known.by} as ${known.raw[start + r]}`);
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
  if (names !== undefined && !(Array.isArray(names) && names.length === featureNames.length && names.every((name, i) => name === featureNames[i]))) {
    throw new ArtifactError(file, "feature_names are not the model's");
  }
  const rows: unknown = value['rows'];
  const raw: unknown = value['raw_score'];
  if (!Array.isArray(rows) || !Array.isArray(raw) || rows.length !== raw.length) throw new ArtifactError(file, 'rows and raw_score must be lists of the same length');
  if (rows.length === 0 || rows.length > MOST_KNOWN_ROWS) throw new ArtifactError(file, `has ${rows.length} rows; expected 1 to ${MOST_KNOWN_ROWS}`);
  const width = featureNames.length;
  const values = new Float64Array(rows.length * width);
  rows.forEach((row: unknown, r) => {
    if (!Array.isArray(row) || row.length !== width) throw new ArtifactError(file, `rows[${r}] is not a list of ${width} values`);
    row.forEach((cell: unknown, f) => {
      const number = cell === null ? NaN : cell === 'inf' ? Infinity : cell === '-inf' ? -Infinity : cell;
      if (typeof number !== 'number') throw new ArtifactError(file, `rows[${r}][${f}] is not a number, null, "inf" or "-inf"`);
      values[r * width + f] = number;
    });
  });
  const scores = raw.map((score: unknown, r) => {
    if (typeof score !== 'number') throw new ArtifactError(file, `raw_score[${r}] is not a number`);
    return score;
  });
  const { lightgbm_version: version } = value;
  return { by: `the trainer's LightGBM${typeof version === 'string' ? ` ${version.slice(0, 32)}` : ''} (self_check.json)`, rows: values, raw: scores, count: rows.length };
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

/**
 * What native LightGBM makes of the same rows; undefined where it is not built (it is a development dependency). It is asked in a process
 * of its own: a text that LightGBM cannot read ends the process that it runs in.
 * @throws ArtifactError where LightGBM refuses the model
 */
export async function nativeScores(modelText: string, rows: Float64Array, count: number, file: string): Promise<KnownScores | undefined> {
  if (!(await builtLightGBM())) return undefined;
  const answer = await new Promise<NativeAnswer>((resolve, reject) => {
    const child = fork(new URL('../../workers/native-scores.js', import.meta.url), { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [], timeout: NATIVE_TIMEOUT_MS });
    // As the loader itself: scoring comes first.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    child.once('message', (message) => resolve(message as NativeAnswer));
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ refused: `LightGBM ended with ${signal ?? `exit code ${code}`} on this model` }));
    const question: NativeQuestion = { modelText, rows };
    // Where it ends before it has read everything, its exit tells.
    child.send(question, () => {});
  });
  if ('unavailable' in answer) return undefined;
  if ('refused' in answer) throw new ArtifactError(file, `self-check: ${answer.refused}`);
  return { by: `LightGBM ${answer.version}`, rows, raw: answer.raw, count };
}
