/** PID_FILE: tells whoever sends signals which process takes them. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';

/** Writes this process's id as a whole file or not at all. @throws LightscoreError CONFIG_INVALID */
export function writePidFile(file: string): void {
  const unfinished = `${file}.${process.pid}`;
  try {
    writeFileSync(unfinished, `${process.pid}\n`);
    renameSync(unfinished, file);
  } catch (cause) {
    rmSync(unfinished, { force: true });
    throw new LightscoreError('CONFIG_INVALID', `PID_FILE: ${file}: cannot be written: ${systemReason(cause)}`, {
      cause,
    });
  }
}

/** Removes the file if it still names this process: another server may have written its own id since. */
export function removePidFile(file: string): void {
  try {
    if (readFileSync(file, 'utf8').trim() === String(process.pid)) rmSync(file);
  } catch {
    // It is gone, or no longer ours to touch: the process ends all the same.
  }
}
