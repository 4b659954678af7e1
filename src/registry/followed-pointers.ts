/** The newest signed `current.json` that this server has followed, so that an older one cannot take it back. */
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { ArtifactError, LightscoreError, messageOf } from '../errors.js';
import type { PointerClaim } from '../store/pointer.js';
import { systemReason } from '../system-error.js';

export class FollowedPointers {
  readonly #stateFile: string | undefined;
  #newest: PointerClaim | undefined;
  /** The newest that the state file has. */
  #kept: PointerClaim | undefined;

  /**
   * @param stateFile MODEL_POINTER_STATE: where the newest is kept; without one a restart forgets it
   * @throws LightscoreError CONFIG_INVALID if the file cannot be read
   */
  constructor(stateFile: string | undefined) {
    this.#stateFile = stateFile;
    this.#kept = stateFile === undefined ? undefined : readState(stateFile);
    this.#newest = this.#kept;
  }

  /**
   * Follows a pointer whose signature is verified.
   * @param file where the pointer is, for messages
   * @throws ArtifactError if it is older than the newest; LightscoreError OUTPUT_FAILED if it cannot be kept
   */
  async follow(claim: PointerClaim, file: string): Promise<void> {
    const newest = this.#newest;
    if (newest !== undefined) {
      if (claim.counter < newest.counter)
        throw new ArtifactError(file, `its counter ${claim.counter} ${older(newest)}`);
      if (claim.counter === newest.counter && claim.version !== newest.version)
        throw new ArtifactError(file, `its counter ${claim.counter} is that of ${newest.version}, which was followed`);
    }
    this.#newest = claim;
    if (this.#stateFile !== undefined && this.#kept?.counter !== claim.counter)
      await this.#keep(this.#stateFile, claim);
  }

  async #keep(path: string, claim: PointerClaim): Promise<void> {
    try {
      await writeFile(`${path}.new`, `${JSON.stringify(claim)}\n`);
      await rename(`${path}.new`, path);
    } catch (cause) {
      throw new LightscoreError('OUTPUT_FAILED', `MODEL_POINTER_STATE: ${path}: ${systemReason(cause)}`, { cause });
    }
    this.#kept = claim;
  }
}

function older({ counter, version }: PointerClaim): string {
  return `is older than ${counter} (${version}), the newest that this server has followed`;
}

function readState(path: string): PointerClaim | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new LightscoreError('CONFIG_INVALID', `MODEL_POINTER_STATE: ${path}: ${messageOf(cause)}`, { cause });
  }
  const state = parsed(text);
  // A new state would forget what was followed: whoever repairs the file decides that.
  if (state === undefined)
    throw new LightscoreError('CONFIG_INVALID', `MODEL_POINTER_STATE: ${path}: is not the state of a server`);
  return state;
}

function parsed(text: string): PointerClaim | undefined {
  try {
    const { counter, version }: Partial<Record<string, unknown>> = JSON.parse(text);
    return typeof version === 'string' && Number.isSafeInteger(counter)
      ? { version, counter: Number(counter) }
      : undefined;
  } catch {
    return undefined;
  }
}
